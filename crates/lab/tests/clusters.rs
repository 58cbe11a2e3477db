//! Replicas that stream, lag and catch up.

use greylag_lab::{Cluster, Engine};

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
