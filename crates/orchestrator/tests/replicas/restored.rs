//! A replica that comes back from an old base, far behind and gaining: it holds, or is left out where the project says so; never
//! without a word.

use crate::fleet::{Replicated, ended, name, started, until};
use greylag_core::{event::Event, gate::WaitReason, throttle::CatchingUp};
use greylag_lab::{Engine, Proxy};
use greylag_orchestrator::apply::{Options, Verdict};
use std::time::Duration;

/// Two shards; the first one's replica begins where it was long ago, and what it lacks comes in so slowly that no test sees the end.
async fn given(engine: Engine) -> Option<(Replicated, Proxy)> {
    let mut fleet = Replicated::start(engine, 2, 1).await?;
    fleet.settings.limits.max_lag = Duration::from_millis(200);
    fleet.settings.limits.resume_lag = Duration::from_millis(100);
    fleet.settings.poll = Duration::from_millis(500);
    // What makes it far behind stands there before Greylag comes.
    fleet.claim = Some(1);
    let proxy = fleet.clusters[0].put_between(0).await.unwrap();
    fleet.clusters[0].wait_replayed().await.unwrap();
    let (primary, replica) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    replica.stop_fast().await;
    let much: &[&str] = match engine {
        Engine::Postgres => &[
            // What it lacks is kept for it.
            "ALTER SYSTEM SET wal_keep_size = '1GB'",
            "SELECT pg_reload_conf()",
            "SELECT count(pg_logical_emit_message(false, 'filler', repeat('x', 1000))) FROM generate_series(1, 160000)",
            "CREATE TABLE filler ()",
        ],
        _ => &[
            "CREATE TABLE filler (i int PRIMARY KEY, x text)",
            "CREATE PROCEDURE fill() BEGIN DECLARE n int DEFAULT 0; \
             WHILE n < 1600 DO INSERT INTO filler VALUES (n, REPEAT('x', 20000)); SET n = n + 1; END WHILE; END",
            // Each row is a transaction of its own.
            "CALL fill()",
        ],
    };
    for sql in much {
        primary
            .execute(&fleet.databases[0].name, sql)
            .await
            .unwrap();
    }
    proxy.set_rate(Some(match engine {
        Engine::Postgres => 500_000,
        _ => 100_000,
    }));
    replica.restart().await.unwrap();
    Some((fleet, proxy))
}

async fn is_left_out_and_told(engine: Engine) {
    let Some((mut fleet, _proxy)) = given(engine).await else {
        return;
    };
    fleet.settings.limits.catching_up = CatchingUp::Exclude;
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, ended(0)).await;
    until(&told, ended(1)).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let restored = fleet.clusters[0].replica(0);
    assert!(!fleet.has(restored, 0, "one").await, "it was waited for");
    let warnings = fleet.warnings.lock().unwrap().clone();
    let left_out = warnings
        .iter()
        .filter(|text| text.contains("s1/replica-1") && text.contains("is left out"));
    assert_eq!(left_out.count(), 1, "{warnings:#?}");
}

async fn holds_until_it_has_caught_up(engine: Engine) {
    let Some((fleet, proxy)) = given(engine).await else {
        return;
    };
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::ReplicaLag { node, distance: Some(distance), .. }]
            if node.to_string() == "s1/replica-1" && !distance.is_zero()))
    })
    .await;
    let restored = fleet.clusters[0].replica(0);
    assert!(!fleet.has(restored, 0, "one").await);
    assert!(!fleet.has(fleet.clusters[1].primary(), 1, "one").await);

    proxy.set_rate(None);
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(fleet.has(restored, 0, "one").await);
    let warnings = fleet.warnings.lock().unwrap().clone();
    assert!(
        !warnings.iter().any(|text| text.contains("is left out")),
        "{warnings:#?}"
    );
    let told = told.lock().unwrap();
    let place = |what: &dyn Fn(&Event) -> bool| told.iter().position(|(_, event)| what(event));
    let done = place(&ended(0)).unwrap();
    assert!(
        done < place(&started(1)).unwrap(),
        "{} began before {} was replayed",
        name(1),
        name(0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_from_an_old_base_holds_until_it_has_caught_up() {
    holds_until_it_has_caught_up(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mysql_replica_from_an_old_base_holds_until_it_has_caught_up() {
    holds_until_it_has_caught_up(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_replica_from_an_old_base_holds_until_it_has_caught_up() {
    holds_until_it_has_caught_up(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_from_an_old_base_is_left_out_where_the_project_says_so_and_that_is_told() {
    is_left_out_and_told(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mysql_replica_from_an_old_base_is_left_out_where_the_project_says_so_and_that_is_told() {
    is_left_out_and_told(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_replica_from_an_old_base_is_left_out_where_the_project_says_so_and_that_is_told()
{
    is_left_out_and_told(Engine::MariaDb).await;
}
