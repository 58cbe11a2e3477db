//! The shard's lock and Flyway's, tables that others lock, and orphans.

use crate::bench::{Bench, applied, apply, failed, lock, open, stepwise, until, wrapped};
use greylag_core::outcome::FailureClass;
use greylag_engines::{Attempt, LockAttempt, Target};
use std::{sync::Arc, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rival_that_keeps_trying_does_not_deadlock_an_index_build() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let sql = "CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 20000)";
    applied(session.as_mut(), &wrapped("V1", sql)).await;
    let mut rival = bench.session().await;
    let trying = tokio::spawn(async move {
        loop {
            let tried = rival.try_lock().await.unwrap();
            assert!(matches!(tried, LockAttempt::Busy { .. }));
        }
    });
    let build = stepwise("V2", "CREATE INDEX CONCURRENTLY i ON t (id)");
    applied(session.as_mut(), &build).await;
    trying.abort();
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass";
    assert_eq!(bench.value(valid).await, "t");
}

#[tokio::test]
async fn databases_and_schemas_have_locks_of_their_own_and_projects_share_one() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let elsewhere = Bench::on(Arc::clone(&bench.server)).await;
    bench.owner("CREATE SCHEMA a; CREATE SCHEMA b").await;
    let schema = |name: &str| Target {
        schema: Some(name.to_owned()),
        ..bench.target()
    };
    let mut held = Vec::new();
    for target in [bench.target(), elsewhere.target(), schema("a"), schema("b")] {
        let mut session = open(&target).await;
        assert_eq!(session.try_lock().await.unwrap(), LockAttempt::Held);
        held.push(session);
    }
    let other_project = Target {
        project: Arc::from("billing"),
        history_table: Arc::from("billing_history"),
        ..bench.target()
    };
    let tried = open(&other_project).await.try_lock().await.unwrap();
    assert!(matches!(tried, LockAttempt::Busy { .. }));
    let same = open(&schema("public")).await.try_lock().await.unwrap();
    assert!(
        matches!(same, LockAttempt::Busy { .. }),
        "public by another name"
    );
}

/// 77433833903597 is what a real Flyway held for public.flyway_schema_history.
const FLYWAYS: i64 = 77_433_833_903_597;

#[tokio::test]
async fn flyways_lock_is_taken_with_flyways_table_and_respected() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let flyways = Target {
        history_table: Arc::from("flyway_schema_history"),
        ..bench.target()
    };
    let flyway = bench.other().await;
    let take = format!("SELECT pg_advisory_lock({FLYWAYS})");
    flyway.batch_execute(&take).await.unwrap();
    let mut session = open(&flyways).await;
    let tried = session.try_lock().await.unwrap();
    assert!(matches!(tried, LockAttempt::Busy { .. }), "{tried:?}");
    let mut plain = bench.session().await;
    assert_eq!(
        plain.try_lock().await.unwrap(),
        LockAttempt::Held,
        "ours was let go again"
    );
    plain.unlock().await.unwrap();
    drop(flyway);
    lock(session.as_mut()).await;
    let flyway = bench.other().await;
    let tries = format!("SELECT pg_try_advisory_lock({FLYWAYS})");
    let row = flyway.query_one(&tries, &[]).await.unwrap();
    assert!(!row.get::<_, bool>(0));
}

#[tokio::test]
async fn a_lock_timeout_names_who_stands_in_the_way() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    bench.owner("CREATE TABLE orders (id int)").await;
    let mut other = bench.other().await;
    let open = other.transaction().await.unwrap();
    open.batch_execute("SELECT * FROM orders").await.unwrap();
    for mut job in [
        wrapped("V1", "ALTER TABLE orders ADD COLUMN total int"),
        stepwise("V2", "ALTER TABLE orders ADD COLUMN total int"),
    ] {
        job.limits.lock_timeout = Duration::from_millis(50);
        let failure = failed(session.as_mut(), &job).await;
        assert_eq!(failure.class, FailureClass::Lock, "{failure:?}");
        assert_eq!(failure.code.as_deref(), Some("55P03"));
        assert!(
            failure
                .hint
                .as_deref()
                .unwrap()
                .contains("greylag:lock-timeout")
        );
        let [blocker] = failure.blockers.as_slice() else {
            panic!("{failure:?}");
        };
        assert_eq!(blocker.user.as_deref(), Some("greylag"));
        assert_eq!(blocker.query.as_deref(), Some("SELECT * FROM orders"));
        assert!(
            blocker.holds.as_deref().unwrap().contains("orders"),
            "{blocker:?}"
        );
    }
    open.rollback().await.unwrap();
    applied(
        session.as_mut(),
        &wrapped("V1", "ALTER TABLE orders ADD COLUMN total int"),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_session_tells_who_blocks_a_waiting_one() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    bench.owner("CREATE TABLE orders (id int)").await;
    let mut other = bench.other().await;
    let open = other.transaction().await.unwrap();
    open.batch_execute("LOCK TABLE orders IN ACCESS SHARE MODE")
        .await
        .unwrap();
    let pid = session.pid();
    let mut job = wrapped("V1", "ALTER TABLE orders ADD COLUMN total int");
    job.limits.lock_timeout = Duration::from_secs(60);
    let waiting = tokio::spawn(async move { apply(session.as_mut(), &job).await });
    let watcher = tokio::sync::Mutex::new(bench.session().await);
    until("a blocker is seen", async || {
        let seen = watcher.lock().await.blockers(&pid).await.unwrap();
        seen.iter()
            .any(|b| b.holds.as_deref().unwrap_or("").contains("orders"))
    })
    .await;
    open.rollback().await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Attempt::Applied(_)));
    assert_eq!(watcher.lock().await.blockers(&pid).await.unwrap(), []);
}

#[tokio::test]
async fn a_vanished_client_that_waits_for_a_table_does_not_keep_the_lock() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    bench.owner("CREATE TABLE orders (id int)").await;
    let mut other = bench.other().await;
    let open = other.transaction().await.unwrap();
    open.batch_execute("LOCK TABLE orders IN ACCESS SHARE MODE")
        .await
        .unwrap();
    let mut job = wrapped("V1", "ALTER TABLE orders ADD COLUMN total int");
    job.limits.lock_timeout = Duration::from_secs(600);
    let waiting =
        "SELECT count(*) FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted";
    tokio::select! {
        ended = apply(session.as_mut(), &job) => panic!("it should still wait: {ended:?}"),
        () = until("it waits", async || bench.value(waiting).await == "1") => {}
    }
    drop(session);
    // The table is still locked; the server notices all the same that nobody is there.
    lock(bench.session().await.as_mut()).await;
    open.rollback().await.unwrap();
}

#[tokio::test]
async fn a_holder_can_be_ended() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let first = bench.ready().await;
    let mut second = bench.session().await;
    let LockAttempt::Busy { holder } = second.try_lock().await.unwrap() else {
        panic!("two hold it");
    };
    second.end(&holder).await.unwrap();
    lock(second.as_mut()).await;
    drop(first);
}
