//! One writer per shard, and waits that end.

use crate::stage::{claim, fail, hold, job, succeed};
use greylag_core::outcome::FailureClass;
use greylag_engines::LockAttempt;
use std::{sync::Arc, time::Duration};

on_both!(of_two_sessions_that_race_one_gets_the_lock(stage, shared) {
    for _ in 0..5 {
        let (mut first, mut second) = (stage.open().await, stage.open().await);
        let (one, other) = tokio::join!(first.try_lock(), second.try_lock());
        let attempts = [one.unwrap(), other.unwrap()];
        let held = attempts.iter().filter(|a| **a == LockAttempt::Held).count();
        assert_eq!(held, 1, "{attempts:?}");
        // Said, not left to the server, which notices a closed connection when it comes to it.
        first.unlock().await.unwrap();
        second.unlock().await.unwrap();
    }
});

on_both!(two_projects_on_one_shard_keep_each_other_out(stage, shared) {
    let mut first = stage.ready().await;
    let mut target = stage.target();
    target.project = Arc::from("billing");
    target.history_table = Arc::from("billing_history");
    let mut second = greylag_engines::open(&target).await.unwrap();
    assert!(matches!(second.try_lock().await.unwrap(), LockAttempt::Busy { .. }));
    first.unlock().await.unwrap();
    hold(second.as_mut()).await;
    let mut theirs = claim();
    theirs.identity.project = "billing".into();
    second.prepare(&theirs).await.unwrap();
    succeed(second.as_mut(), &job("1", &["CREATE TABLE t (a int)"])).await;
    assert_eq!(second.survey().await.unwrap().history.len(), 1);
    second.unlock().await.unwrap();
    let survey = first.survey().await.unwrap();
    assert!(survey.history.is_empty() && survey.steps.is_empty());
});

on_both!(flyway_s_own_lock_is_taken_with_flyway_s_table(stage, shared) {
    let mut target = stage.target();
    target.history_table = Arc::from("flyway_schema_history");
    let mut session = greylag_engines::open(&target).await.unwrap();
    // The name as Flyway computes it: Java's hash of the quoted table.
    let quoted = format!("`{}`.`flyway_schema_history`", stage.database.name);
    let hash = quoted.chars().fold(0i32, |h, c| h.wrapping_mul(31).wrapping_add(c as i32));
    let mut flyway = stage.open_plain().await;
    flyway.run(&format!("SELECT GET_LOCK('Flyway-{hash}', 0)")).await;
    let LockAttempt::Busy { holder } = session.try_lock().await.unwrap() else {
        panic!("Flyway is at work");
    };
    assert_eq!(holder.pid, flyway.id());
    flyway.run(&format!("SELECT RELEASE_LOCK('Flyway-{hash}')")).await;
    hold(session.as_mut()).await;
    let held = format!("SELECT IS_USED_LOCK('Flyway-{hash}')");
    assert_eq!(stage.value(&held).await, Some(session.pid()));
    session.unlock().await.unwrap();
    assert_eq!(stage.value(&held).await, None);
});

on_both!(a_wait_for_a_table_ends_as_a_failure_of_the_lock(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    let mut session = stage.ready().await;
    let mut reader = stage.open_plain().await;
    reader.begin_reading("t").await;
    let file = job("1", &["ALTER TABLE t ADD COLUMN b int"]);
    let failure = fail(session.as_mut(), &file).await;
    assert_eq!(failure.class, FailureClass::Lock);
    assert!(failure.class.is_transient());
    reader.end().await;
    succeed(session.as_mut(), &file).await;
    assert!(stage.has_column("t", "b").await);
});

on_both!(a_wait_for_a_row_names_who_holds_it(stage, shared) {
    stage.run("CREATE TABLE t (a int PRIMARY KEY)").await;
    stage.run("INSERT INTO t VALUES (1)").await;
    let mut session = stage.ready().await;
    let mut writer = stage.open_plain().await;
    writer.run("BEGIN").await;
    writer.run("DELETE FROM t WHERE a = 1").await;
    let mut watcher = stage.open().await;
    let pid = session.pid();
    let mut file = job("1", &["UPDATE t SET a = 2 WHERE a = 1"]);
    file.limits.lock_timeout = Duration::from_secs(600);
    // Asked before anybody waits, and again and again: the answer must not stay what it was then.
    assert_eq!(watcher.blockers(&pid).await.unwrap(), []);
    {
        let running = crate::stage::apply(session.as_mut(), &file);
        tokio::pin!(running);
        let deadline = std::time::Instant::now() + greylag_lab::patience();
        loop {
            tokio::select! {
                attempt = &mut running => panic!("it ended too early: {attempt:?}"),
                () = tokio::time::sleep(Duration::from_millis(10)) => {}
            }
            let blockers = watcher.blockers(&pid).await.unwrap();
            if blockers.iter().any(|b| b.pid == writer.id()) {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "{blockers:?}");
        }
        writer.run("ROLLBACK").await;
        running.await;
    }
    assert_eq!(stage.value("SELECT a FROM t").await.as_deref(), Some("2"));
});

on_both!(a_statement_past_its_time_is_ended_on_the_server(stage, shared) {
    let mut session = stage.ready().await;
    let mut file = job("1", &["SELECT count(*) FROM (SELECT 1 FROM (SELECT SLEEP(30) AS s) a WHERE s = 0) b"]);
    file.limits.statement_timeout = Some(Duration::from_millis(200));
    let failure = fail(session.as_mut(), &file).await;
    assert_eq!(failure.class, FailureClass::Cancelled, "{failure:?}");
});

on_both!(a_rival_that_gets_the_lock_while_the_session_is_renewed_stops_the_next_file(stage, shared) {
    let mut session = stage.ready().await;
    succeed(session.as_mut(), &job("1", &["CREATE TABLE t (a int)", "SET @a = 1"])).await;
    let key = greylag_core::identity::lock_key(&stage.database.name, "");
    let key: String = key[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut rival = stage.open_plain().await;
    let id = rival.id();
    let waiting = tokio::spawn(async move {
        rival.run(&format!("DO GET_LOCK('greylag-{key}', 60)")).await;
        rival
    });
    let waits = format!("SELECT state FROM information_schema.processlist WHERE id = {id}");
    stage.until(&waits, "User lock").await;
    let failure = fail(session.as_mut(), &job("2", &["INSERT INTO t VALUES (1)"])).await;
    // A new session takes the lock, in its turn, and looks anew.
    assert_eq!(failure.class, FailureClass::Connection, "{failure:?}");
    assert!(failure.message.contains("lock"), "{failure:?}");
    assert_eq!(stage.count("t").await, "0");
    waiting.await.unwrap().end().await;
});
