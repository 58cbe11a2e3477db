//! A standby with a reader: what is said to cancel its queries does.

use greylag_core::engine::Dialect;
use greylag_lab::{Cluster, Engine, Installation, Options, Server};
use greylag_lint::{
    ServerVersion,
    effects::{self, Effect, StandbyEffect},
};
use std::time::{Duration, Instant};
use tokio_postgres::NoTls;

use super::{fixture, servers};

/// A few of each kind; all of them with GREYLAG_FULL.
const CHOSEN: [&str; 10] = [
    "add-column",
    "set-not-null",
    "validate-check",
    "add-foreign-key",
    "create-index",
    "create-index-concurrently",
    "drop-index-concurrently",
    "reindex-concurrently",
    "create-partition",
    "create-trigger",
];

#[tokio::test(flavor = "multi_thread")]
async fn readers_on_a_standby_are_cancelled_by_what_is_said_to_cancel_them() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let all = greylag_lab::installed(Engine::Postgres);
    let count = if servers::full() { all.len() } else { 1 };
    let mut wrong = Vec::new();
    for installation in all.into_iter().take(count) {
        wrong.extend(compare(installation).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What differs from what is said.
async fn compare(installation: Installation) -> Vec<String> {
    let version: ServerVersion = installation.version.parse().unwrap();
    // With feedback, so that it is the lock that cancels, and not rows that were cleaned up.
    let options = Options::default()
        .set("max_standby_streaming_delay", "100ms")
        .set("hot_standby_feedback", "on")
        .on(installation);
    let cluster = Cluster::start_with(Engine::Postgres, 1, options)
        .await
        .unwrap();
    let template = fixture::database(cluster.primary()).await;
    let mut wrong = Vec::new();
    for effect in effects::all(Dialect::Postgres) {
        if !effect.is_known_to(version) {
            continue;
        }
        if !(servers::full() || CHOSEN.contains(&&*effect.id)) {
            continue;
        }
        let cancelled = is_reader_cancelled(&cluster, &template, effect).await;
        let said = effect.standby != StandbyEffect::None;
        if cancelled != said {
            let id = &effect.id;
            wrong.push(format!("{version} {id}: said {said}, is {cancelled}"));
        }
    }
    println!("PostgreSQL {version}: done");
    wrong
}

/// Waits until the primary has heard what the standby's readers need: before, it may clean away what one of them sees.
async fn keeps_what_it_reads(primary: &Server) {
    let sql = "SELECT count(*) FROM pg_stat_replication WHERE backend_xmin IS NOT NULL";
    let deadline = Instant::now() + greylag_lab::patience();
    while primary.value("postgres", sql).await.unwrap().as_deref() != Some("1") {
        assert!(Instant::now() < deadline, "the standby says nothing");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn is_reader_cancelled(cluster: &Cluster, template: &str, effect: &Effect) -> bool {
    let primary = cluster.primary();
    let database = format!("reader_{}", effect.id.replace('-', "_"));
    primary
        .execute(
            "postgres",
            &format!("CREATE DATABASE {database} TEMPLATE {template}"),
        )
        .await
        .unwrap();
    cluster.wait_replayed().await.unwrap();
    let url = cluster.replica(0).superuser_url(&database);
    let (reader, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let reads = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t; SELECT count(*) FROM ref; SELECT count(*) FROM part; \
                 SELECT count(*) FROM mv; SELECT count(*) FROM bare; SELECT count(*) FROM holder; SELECT count(*) FROM part_2; SELECT count(*) FROM v; SELECT count(*) FROM g";
    reader.batch_execute(reads).await.unwrap();
    keeps_what_it_reads(primary).await;
    let sql = match effect.statements().next().unwrap() {
        lock if lock.starts_with("LOCK") => format!("BEGIN; {lock}; COMMIT"),
        sql => sql.clone(),
    };
    primary.execute(&database, &sql).await.unwrap();
    cluster.wait_replayed().await.unwrap();
    let cancelled = reader.batch_execute("SELECT 1").await.is_err();
    drop(reader);
    let _ = connection.await;
    primary
        .execute(
            "postgres",
            &format!("DROP DATABASE {database} WITH (FORCE)"),
        )
        .await
        .unwrap();
    cancelled
}
