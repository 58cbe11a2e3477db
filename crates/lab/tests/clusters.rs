//! Replicas that stream, lag and catch up.

use greylag_lab::{Cluster, Engine, ProcessId, Server};
use std::time::{Duration, Instant};

async fn a_replica_applies_what_its_primary_writes_unless_paused(engine: Engine) {
    if !greylag_lab::available(engine) {
        return;
    }
    let cluster = Cluster::start(engine, 2).await.unwrap();
    let name = cluster.database("t").await.unwrap().name;
    let primary = cluster.primary();
    primary
        .execute(&name, "CREATE TABLE seen (id int PRIMARY KEY)")
        .await
        .unwrap();
    cluster.wait_replayed().await.unwrap();

    cluster.pause_replay(0).await.unwrap();
    primary
        .execute(&name, "INSERT INTO seen VALUES (1)")
        .await
        .unwrap();
    let count = "SELECT count(*) FROM seen";
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while cluster
        .replica(1)
        .value(&name, count)
        .await
        .unwrap()
        .as_deref()
        != Some("1")
    {
        assert!(
            std::time::Instant::now() < deadline,
            "the replica that runs never saw the row"
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let seen = cluster.replica(0).value(&name, count).await.unwrap();
    assert_eq!(
        seen.as_deref(),
        Some("0"),
        "the paused replica has not applied the row"
    );

    cluster.resume_replay(0).await.unwrap();
    cluster.wait_replayed().await.unwrap();
    let seen = cluster.replica(0).value(&name, count).await.unwrap();
    assert_eq!(seen.as_deref(), Some("1"));
}

#[tokio::test]
async fn a_postgres_replica_applies_what_its_primary_writes_unless_paused() {
    a_replica_applies_what_its_primary_writes_unless_paused(Engine::Postgres).await;
}

#[tokio::test]
async fn a_mariadb_replica_applies_what_its_primary_writes_unless_paused() {
    a_replica_applies_what_its_primary_writes_unless_paused(Engine::MariaDb).await;
}

#[tokio::test]
async fn a_mysql_replica_applies_what_its_primary_writes_unless_paused() {
    a_replica_applies_what_its_primary_writes_unless_paused(Engine::MySql).await;
}

async fn a_cascading_replica_follows_a_replica_and_a_promoted_one_is_a_primary(engine: Engine) {
    if !greylag_lab::available(engine) {
        return;
    }
    let mut cluster = Cluster::start(engine, 1).await.unwrap();
    cluster.cascade(0).await.unwrap();
    let name = cluster.database("t").await.unwrap().name;
    let make = "CREATE TABLE seen (id int PRIMARY KEY)";
    cluster.primary().execute(&name, make).await.unwrap();
    cluster.wait_replayed().await.unwrap();

    cluster.replica(0).promote().await.unwrap();
    let insert = "INSERT INTO seen VALUES (7)";
    cluster.replica(0).execute(&name, insert).await.unwrap();
    let seen = cluster
        .primary()
        .value(&name, "SELECT count(*) FROM seen")
        .await;
    assert_eq!(
        seen.unwrap().as_deref(),
        Some("0"),
        "nobody told the old one"
    );
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    let last = "SELECT max(id) FROM seen";
    while cluster
        .replica(1)
        .value(&name, last)
        .await
        .unwrap()
        .as_deref()
        != Some("7")
    {
        assert!(std::time::Instant::now() < deadline, "the cascade lost it");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_postgres_cascade_follows_and_outlives_a_promotion() {
    a_cascading_replica_follows_a_replica_and_a_promoted_one_is_a_primary(Engine::Postgres).await;
}

#[tokio::test]
async fn a_mariadb_cascade_follows_and_outlives_a_promotion() {
    a_cascading_replica_follows_a_replica_and_a_promoted_one_is_a_primary(Engine::MariaDb).await;
}

#[tokio::test]
async fn a_mysql_cascade_follows_and_outlives_a_promotion() {
    a_cascading_replica_follows_a_replica_and_a_promoted_one_is_a_primary(Engine::MySql).await;
}

async fn a_replica_streams_through_what_is_put_between(engine: Engine) {
    if !greylag_lab::available(engine) {
        return;
    }
    let cluster = Cluster::start(engine, 1).await.unwrap();
    let name = cluster.database("t").await.unwrap().name;
    let proxy = cluster.put_between(0).await.unwrap();
    let replica = cluster.replica(0);
    let write = async |table: &str| {
        let sql = format!("CREATE TABLE {table} (id int PRIMARY KEY)");
        cluster.primary().execute(&name, &sql).await.unwrap();
    };
    let has = async |table: &str| {
        let sql =
            format!("SELECT count(*) FROM information_schema.tables WHERE table_name = '{table}'");
        replica.value(&name, &sql).await.unwrap().as_deref() == Some("1")
    };
    write("through").await;
    cluster.wait_replayed().await.unwrap();
    assert!(has("through").await);

    proxy.refuse(true).await.unwrap();
    proxy.cut().await;
    write("behind").await;
    assert!(!has("behind").await, "it streams past the proxy");
    // A server that is started again goes the same way.
    replica.restart().await.unwrap();
    assert!(!has("behind").await);
    proxy.refuse(false).await.unwrap();
    cluster.wait_replayed().await.unwrap();
    assert!(has("behind").await);
}

#[tokio::test]
async fn a_postgres_replica_streams_through_what_is_put_between() {
    a_replica_streams_through_what_is_put_between(Engine::Postgres).await;
}

#[tokio::test]
async fn a_mariadb_replica_streams_through_what_is_put_between() {
    a_replica_streams_through_what_is_put_between(Engine::MariaDb).await;
}

#[tokio::test]
async fn a_mysql_replica_streams_through_what_is_put_between() {
    a_replica_streams_through_what_is_put_between(Engine::MySql).await;
}

/// The process that writes to the log of its own accord, by its number.
async fn writer(server: &Server) -> i32 {
    let sql = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'";
    let found = server.value("postgres", sql).await.unwrap();
    found.expect("it runs").parse().unwrap()
}

/// `T` where it is frozen.
fn state(pid: i32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("State:"));
    line.unwrap()["State:".len()..].trim()[..1].to_owned()
}

async fn written(server: &Server) -> String {
    let sql = "SELECT pg_current_wal_insert_lsn()";
    server.value("postgres", sql).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_a_paused_postgres_replica_lacks_is_what_somebody_wrote() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    let cluster = Cluster::start(Engine::Postgres, 2).await.unwrap();
    let name = cluster.database("t").await.unwrap().name;
    let (primary, replica) = (cluster.primary(), cluster.replica(0));
    let make = "CREATE TABLE seen (id int PRIMARY KEY)";
    primary.execute(&name, make).await.unwrap();
    cluster.pause_replay(0).await.unwrap();

    let there = written(primary).await;
    let level = format!("SELECT pg_last_wal_replay_lsn() >= '{there}'");
    let is_level = replica.value("postgres", &level).await.unwrap();
    assert_eq!(is_level.as_deref(), Some("t"), "it was paused behind");
    let frozen = writer(primary).await;
    assert_eq!(state(frozen), "T");
    if std::env::var_os("GREYLAG_FULL").is_some_and(|full| full == "1") {
        // It would write each fifteen seconds.
        let end = Instant::now() + Duration::from_secs(40);
        while Instant::now() < end {
            assert_eq!(written(primary).await, there, "something was written");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    // A second one is paused where the first one is.
    cluster.pause_replay(1).await.unwrap();
    assert_eq!(written(primary).await, there);

    // It ends in order, and what it waits for goes on for it.
    primary.stop_fast().await;
    assert!(
        primary
            .log_tail(20)
            .contains("database system is shut down")
    );
    primary.restart().await.unwrap();
    assert_ne!(state(writer(primary).await), "T");
    let insert = "INSERT INTO seen VALUES (1)";
    primary.execute(&name, insert).await.unwrap();
    cluster.resume_replay(0).await.unwrap();
    cluster.resume_replay(1).await.unwrap();
    cluster.wait_replayed().await.unwrap();
}

#[tokio::test]
async fn all_of_a_primary_that_is_still_ends_with_it() {
    if !greylag_lab::available(Engine::Postgres) {
        return;
    }
    for killed in [false, true] {
        let cluster = Cluster::start(Engine::Postgres, 1).await.unwrap();
        cluster.still(0).await.unwrap();
        let frozen = writer(cluster.primary()).await;
        if killed {
            cluster.primary().kill();
        } else {
            drop(cluster);
        }
        assert_eq!(ProcessId::of(frozen), None, "killed: {killed}");
    }
}

async fn a_replica_that_is_cut_off_keeps_what_it_has_and_may_be_promoted(engine: Engine) {
    if !greylag_lab::available(engine) {
        return;
    }
    let cluster = Cluster::start(engine, 1).await.unwrap();
    let name = cluster.database("t").await.unwrap().name;
    let (primary, replica) = (cluster.primary(), cluster.replica(0));
    for sql in [
        "CREATE TABLE seen (id int PRIMARY KEY)",
        "INSERT INTO seen VALUES (1)",
    ] {
        primary.execute(&name, sql).await.unwrap();
    }
    cluster.cut_off(0).await.unwrap();
    let insert = "INSERT INTO seen VALUES (2)";
    primary.execute(&name, insert).await.unwrap();
    primary.kill();
    replica.promote().await.unwrap();
    replica
        .execute(&name, "INSERT INTO seen VALUES (3)")
        .await
        .unwrap();
    let sql = "SELECT concat(count(*), ' ', sum(id)) FROM seen";
    let seen = replica.value(&name, sql).await.unwrap();
    assert_eq!(seen.as_deref(), Some("2 4"), "1 and 3");
}

#[tokio::test]
async fn a_postgres_replica_that_is_cut_off_keeps_what_it_has_and_may_be_promoted() {
    a_replica_that_is_cut_off_keeps_what_it_has_and_may_be_promoted(Engine::Postgres).await;
}

#[tokio::test]
async fn a_mariadb_replica_that_is_cut_off_keeps_what_it_has_and_may_be_promoted() {
    a_replica_that_is_cut_off_keeps_what_it_has_and_may_be_promoted(Engine::MariaDb).await;
}

#[tokio::test]
async fn a_mysql_replica_that_is_cut_off_keeps_what_it_has_and_may_be_promoted() {
    a_replica_that_is_cut_off_keeps_what_it_has_and_may_be_promoted(Engine::MySql).await;
}
