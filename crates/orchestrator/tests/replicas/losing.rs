//! A failover that takes transactions with it: what the new primary lacks is told, and run again there.

use crate::fleet::{Replicated, name, until};
use greylag_core::{event::Event, migration::MigrationId, node::NodePolicy};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::apply::{Options, Verdict};

const TWO: (&str, &str) = (
    "V2__two.sql",
    "CREATE TABLE two (id int PRIMARY KEY); INSERT INTO two VALUES (1);",
);

/// The standby gets nothing any more; what it has it keeps.
async fn cut_off(standby: &Server, database: &str) {
    for sql in [
        "ALTER SYSTEM SET primary_conninfo = ''",
        "SELECT pg_reload_conf()",
    ] {
        standby.execute(database, sql).await.unwrap();
    }
    let receivers = "SELECT count(*) FROM pg_stat_wal_receiver";
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while standby.value(database, receivers).await.unwrap().as_deref() != Some("0") {
        assert!(std::time::Instant::now() < deadline, "it still receives");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn lost(event: &Event, at: usize) -> bool {
    let two = || "V2".parse::<MigrationId>().unwrap();
    matches!(event, Event::MigrationsLost { shard, migrations, .. }
        if *shard == name(at) && *migrations == [two()])
}

async fn assert_once(fleet: &Replicated, server: &Server, at: usize) {
    let database = &fleet.databases[at].name;
    for sql in [
        "SELECT count(*) FROM two",
        "SELECT count(*) FROM greylag_schema_history WHERE version = '2'",
    ] {
        let found = server.value(database, sql).await.unwrap();
        assert_eq!(found.as_deref(), Some("1"), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_awaited_on_the_heir_and_never_reached_it_is_run_again_there() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    let (run, _) = fleet.run(Options::default()).await;
    assert_eq!(run.await.unwrap().verdict, Verdict::Done);
    let database = fleet.databases[1].name.clone();
    let (old, heir) = (fleet.clusters[1].primary(), fleet.clusters[1].replica(0));
    // Cut off, it lags; the limit must not hold the shard back before it is written.
    fleet.settings.limits.max_lag = std::time::Duration::from_secs(3600);
    cut_off(heir, &database).await;

    fleet.files.push(TWO);
    let (run, told) = fleet.run(Options::default()).await;
    until(
        &told,
        |event| matches!(event, Event::ShardReplaying { shard, .. } if *shard == name(1)),
    )
    .await;
    assert!(fleet.has(old, 1, "two").await && !fleet.has(heir, 1, "two").await);
    old.kill();
    heir.promote().await.unwrap();
    until(&told, |event| lost(event, 1)).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_once(&fleet, heir, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_was_done_is_run_again_when_a_failover_loses_its_migration() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    // The first run waits for its replicas, and so knows them; of those that are only observed it may end before it has seen any,
    // and a server that nobody knew as a replica is no heir.
    let (run, _) = fleet.run(Options::default()).await;
    assert_eq!(run.await.unwrap().verdict, Verdict::Done);
    fleet.watched = NodePolicy::Observe;
    let database = fleet.databases[0].name.clone();
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    cut_off(heir, &database).await;

    fleet.files.push(TWO);
    // Somebody holds what the second shard needs, until the first has failed over.
    let blocker = fleet.clusters[1].primary();
    let url = blocker.url(&fleet.databases[1].name);
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    // It may be read: the fleet is looked at as ever.
    client
        .batch_execute("BEGIN; LOCK TABLE greylag_schema_history IN SHARE MODE")
        .await
        .unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    until(
        &told,
        |event| matches!(event, Event::ShardEnded { shard, .. } if *shard == name(0)),
    )
    .await;
    until(
        &told,
        |event| matches!(event, Event::ShardStarted { shard, .. } if *shard == name(1)),
    )
    .await;
    assert!(fleet.has(old, 0, "two").await && !fleet.has(heir, 0, "two").await);
    old.kill();
    heir.promote().await.unwrap();
    until(&told, |event| lost(event, 0)).await;
    client.batch_execute("COMMIT").await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_once(&fleet, heir, 0).await;
    assert_once(&fleet, blocker, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_between_two_runs_of_one_rollout_is_run_again() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    let (run, _) = fleet.run(Options::default()).await;
    assert_eq!(run.await.unwrap().verdict, Verdict::Done);
    let database = fleet.databases[0].name.clone();
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    fleet.settings.limits.max_lag = std::time::Duration::from_secs(3600);
    fleet.settings.timeout = std::time::Duration::from_millis(300);
    cut_off(heir, &database).await;

    fleet.files.push(TWO);
    let no_wait = Options {
        wait: Some(std::time::Duration::ZERO),
        ..Options::default()
    };
    let (run, _) = fleet.run(no_wait).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Waiting, "{summary:#?}");
    old.kill();
    heir.promote().await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    until(&told, |event| lost(event, 0)).await;
    assert_once(&fleet, heir, 0).await;
}
