//! Lost answers, dead clients and dead servers: what settling says, and that it is true.

use crate::stage::{Stage, apply, as_transaction, fail, hold, job, succeed};
use greylag_core::outcome::Left;
use greylag_engines::{Attempt, Job, LockAttempt, Session, Settled};
use greylag_lab::Proxy;
use std::time::Duration;

/// Some 65,000 rows of 300 bytes: enough to be caught while they are copied.
async fn fill(stage: &Stage) {
    stage.run("CREATE TABLE big (a int PRIMARY KEY AUTO_INCREMENT, pad char(250) NOT NULL DEFAULT 'x')").await;
    stage
        .run("INSERT INTO big (pad) VALUES ('1'), ('2'), ('3'), ('4')")
        .await;
    for _ in 0..14 {
        stage.run("INSERT INTO big (pad) SELECT pad FROM big").await;
    }
}

/// Starts a job, waits until the server's list of processes shows it in a state, and drops the client.
async fn die_in(stage: &Stage, mut session: Box<dyn Session>, job: &Job, state: &str) {
    let sql = format!(
        "SELECT COUNT(*) > 0 FROM information_schema.processlist WHERE id = {} AND state LIKE '{state}'",
        session.pid()
    );
    tokio::select! {
        attempt = apply(session.as_mut(), job) => panic!("it ended too early: {attempt:?}"),
        () = stage.until(&sql, "1") => {}
    }
    drop(session);
}

/// A session that has waited for the dead one's lock.
async fn heir(stage: &Stage) -> Box<dyn Session> {
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    session
}

on_both!(an_alter_whose_client_died_while_it_copied_is_applied(stage, shared) {
    fill(&stage).await;
    let session = stage.ready().await;
    let file = job("1", &["ALTER TABLE big ADD COLUMN b int, ALGORITHM=COPY"]);
    die_in(&stage, session, &file, "%copy to tmp table%").await;
    let mut session = heir(&stage).await;
    let settled = session.settle(&file).await.unwrap();
    let is_there = stage.has_column("big", "b").await;
    assert_eq!(settled == Settled::Applied, is_there, "{settled:?}");
    assert!(is_there, "the server finishes what its dead client began");
    let survey = session.survey().await.unwrap();
    assert_eq!(survey.history.len(), 1);
});

on_both!(a_file_goes_on_behind_the_alter_that_outlived_its_client(stage, shared) {
    fill(&stage).await;
    let session = stage.ready().await;
    let file = job("1", &["CREATE TABLE t (a int)", "ALTER TABLE big ADD COLUMN b int, ALGORITHM=COPY", "INSERT INTO t VALUES (1)"]);
    die_in(&stage, session, &file, "%copy to tmp table%").await;
    let mut session = heir(&stage).await;
    assert_eq!(session.settle(&file).await.unwrap(), Settled::Absent);
    succeed(session.as_mut(), &file).await;
    assert_eq!(stage.count("t").await, "1");
    assert!(stage.has_column("big", "b").await);
});

on_both!(an_orphan_that_waits_for_a_table_is_named_and_ended(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    let mut reader = stage.open().await;
    hold(reader.as_mut()).await;
    reader.unlock().await.unwrap();
    let mut session = stage.ready().await;
    // A transaction that has read the table keeps ALTER waiting.
    let mut blocking = stage.open_plain().await;
    blocking.begin_reading("t").await;
    let mut file = job("1", &["ALTER TABLE t ADD COLUMN b int"]);
    file.limits.lock_timeout = Duration::from_secs(600);
    let orphan = session.pid();
    let sql = format!(
        "SELECT COUNT(*) > 0 FROM information_schema.processlist WHERE id = {orphan} AND state LIKE '%metadata lock%'"
    );
    {
        let running = apply(session.as_mut(), &file);
        tokio::pin!(running);
        tokio::select! {
            attempt = &mut running => panic!("it ended too early: {attempt:?}"),
            () = stage.until(&sql, "1") => {}
        }
        let blockers = reader.blockers(&orphan).await.unwrap();
        assert!(blockers.iter().any(|b| b.pid == blocking.id()), "{blockers:?}");
        let LockAttempt::Busy { holder } = reader.try_lock().await.unwrap() else {
            panic!("two sessions hold the lock");
        };
        assert_eq!(holder.pid, orphan);
        assert_eq!(holder.application.as_deref(), Some("greylag/r1/eu-1"));
        assert!(holder.query.unwrap().contains("ALTER TABLE t"));
        assert!(holder.holds.unwrap().contains("V1 of rollout r1"));
    }
    drop(session);
    let mut session = stage.open().await;
    if let LockAttempt::Busy { holder } = session.try_lock().await.unwrap() {
        session.end(&holder).await.unwrap();
    }
    hold(session.as_mut()).await;
    assert_eq!(session.settle(&file).await.unwrap(), Settled::Absent);
    assert!(!stage.has_column("t", "b").await);
    blocking.end().await;
    succeed(session.as_mut(), &file).await;
    assert!(stage.has_column("t", "b").await);
});

on_both!(a_server_killed_mid_migration_is_settled_after_its_restart(stage, private) {
    fill(&stage).await;
    let session = stage.ready().await;
    let file = job("1", &["CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)", "ALTER TABLE big ADD COLUMN b int, ALGORITHM=COPY", "INSERT INTO t VALUES (2)"]);
    let mut session = session;
    let sql = format!(
        "SELECT COUNT(*) > 0 FROM information_schema.processlist WHERE id = {} AND state LIKE '%copy to tmp table%'",
        session.pid()
    );
    {
        let running = apply(session.as_mut(), &file);
        tokio::pin!(running);
        tokio::select! {
            attempt = &mut running => panic!("it ended too early: {attempt:?}"),
            () = stage.until(&sql, "1") => {}
        }
        stage.server.kill();
        let attempt = running.await;
        assert!(matches!(attempt, Attempt::Unknown(_)), "{attempt:?}");
    }
    stage.server.restart().await.unwrap();
    let mut session = heir(&stage).await;
    assert_eq!(session.settle(&file).await.unwrap(), Settled::Absent);
    assert!(!stage.has_column("big", "b").await);
    succeed(session.as_mut(), &file).await;
    assert_eq!(stage.value("SELECT GROUP_CONCAT(a ORDER BY a) FROM t").await.as_deref(), Some("1,2"));
    assert!(stage.has_column("big", "b").await);
});

on_both!(a_connection_cut_in_commit_is_unknown_and_then_settled(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    drop(stage.ready().await);
    for (version, forwarded) in [("1", true), ("2", false)] {
        let proxy = Proxy::start(stage.server.port()).await.unwrap();
        let url = stage.server.url_through(proxy.port(), "greylag", &stage.database.name);
        // In the clear, so that the proxy sees the word.
        let target = stage.target_at(&format!("{url}?ssl-mode=DISABLED"));
        let mut session = greylag_engines::open(&target).await.unwrap();
        hold(session.as_mut()).await;
        let file = job(version, &["INSERT INTO t VALUES (1)"]);
        match forwarded {
            true => proxy.cut_when_client_sends(b"COMMIT"),
            false => proxy.cut_before_client_sends(b"COMMIT"),
        };
        let attempt = apply(session.as_mut(), &file).await;
        let Attempt::Unknown(doubt) = attempt else {
            panic!("{attempt:?}");
        };
        assert!(!doubt.needs_person && doubt.why.contains("COMMIT"), "{doubt:?}");
        let mut session = heir(&stage).await;
        let settled = session.settle(&file).await.unwrap();
        assert_eq!(settled, if forwarded { Settled::Applied } else { Settled::Absent });
        let rows = if forwarded { "1" } else { "0" };
        assert_eq!(stage.value(&format!("SELECT COUNT(*) FROM greylag_schema_history WHERE version = '{version}'")).await.as_deref(), Some(rows));
        assert_eq!(stage.count("t").await, "1");
    }
});

on_both!(a_call_whose_answer_was_lost_is_for_a_person_to_settle(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    stage.run("CREATE PROCEDURE slow() BEGIN INSERT INTO t VALUES (1); COMMIT; DO SLEEP(30); END").await;
    let session = stage.ready().await;
    let file = job("1", &["CALL slow()"]);
    let pid = session.pid();
    die_in(&stage, session, &file, "%sleep%").await;
    stage.server.execute("", &format!("KILL {pid}")).await.ok();
    let mut session = heir(&stage).await;
    let Settled::Unknown(doubt) = session.settle(&file).await.unwrap() else {
        panic!("nobody can know");
    };
    assert!(doubt.needs_person);
    assert!(doubt.why.contains("statement 1 of V1__step_1.sql took effect can't be told"), "{}", doubt.why);
    let again = apply(session.as_mut(), &file).await;
    assert!(matches!(again, Attempt::Unknown(d) if d.needs_person));
    assert_eq!(stage.count("t").await, "1");
});

on_both!(a_hidden_commit_before_a_lost_answer_is_not_taken_for_absent(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    fill(&stage).await;
    let session = stage.ready().await;
    let file = as_transaction(job("1", &["INSERT INTO t VALUES (1)", "ALTER TABLE big ADD COLUMN b int, ALGORITHM=COPY"]));
    die_in(&stage, session, &file, "%copy to tmp table%").await;
    let mut session = heir(&stage).await;
    assert_eq!(stage.count("t").await, "1");
    assert!(matches!(session.settle(&file).await.unwrap(), Settled::Unknown(d) if d.needs_person));
});

on_both!(a_half_done_drop_says_what_is_gone(stage, shared) {
    stage.run("CREATE TABLE a (x int)").await;
    let mut session = stage.ready().await;
    let failure = fail(session.as_mut(), &job("1", &["DROP TABLE a, nope"])).await;
    assert_eq!(failure.left, Left::Nothing);
    let gone = stage.value("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'a'").await;
    let is_gone = gone.as_deref() == Some("0");
    assert_eq!(failure.message.contains("it has changed `a`"), is_gone, "{}", failure.message);
    assert_eq!(is_gone, stage.engine == greylag_core::engine::Engine::Mariadb);
});

on_both!(a_resumed_file_does_not_miss_its_temporary_table(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    let mut session = stage.ready().await;
    let file = job("1", &["CREATE TEMPORARY TABLE tmp (a int)", "CREATE TABLE u (a int)", "ALTER TABLE nope ADD x int", "INSERT INTO t SELECT * FROM tmp"]);
    fail(session.as_mut(), &file).await;
    drop(session);
    let mut session = heir(&stage).await;
    let failure = fail(session.as_mut(), &file).await;
    assert!(failure.message.contains("temporary table"), "{}", failure.message);
    assert_eq!(failure.place.unwrap().statement, 1);
});

on_both!(a_shard_without_any_table_of_ours_has_had_nothing(stage, shared) {
    let mut session = heir(&stage).await;
    let file = job("1", &["CREATE TABLE t (a int)"]);
    assert_eq!(session.settle(&file).await.unwrap(), Settled::Absent);
});
