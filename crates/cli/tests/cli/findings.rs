//! What is wrong with nodes though they don't lag: threads that stopped, queries that were cancelled, readers of the log.

use crate::{listening::Listening, replicas::Watched};
use greylag_lab::{Engine, Known};
use serde_json::Value;
use std::time::Instant;

impl Watched {
    async fn there(&self, sql: &str) {
        let primary = self.cluster.primary();
        primary.execute(&self.database.name, sql).await.unwrap();
    }

    async fn here(&self, sql: &str) {
        let replica = self.cluster.replica(0);
        replica.execute(&self.database.name, sql).await.unwrap();
    }
}

fn replica(status: &Value) -> &Value {
    &status["shards"][0]["replicas"][0]
}

fn finding<'a>(node: &'a Value, kind: &str) -> Option<&'a Value> {
    let findings = node["findings"].as_array()?;
    findings.iter().find(|found| found["kind"] == kind)
}

/// What each verb makes of a replica with a problem of this kind, though its primary is idle.
fn is_a_problem(watched: &Watched, kind: &str, text: &str) {
    let place = &watched.place;
    let status = watched.place.until("status --output json", |status| {
        finding(replica(status), kind).is_some()
    });
    let found = finding(replica(&status), kind).unwrap();
    assert_eq!(found["severity"], "problem", "{status:#}");
    assert!(found["text"].as_str().unwrap().contains(text), "{found:#}");
    assert_eq!(replica(&status)["state"], "stalled");
    for line in ["status", "fleet"] {
        let page = place.out(line, 5);
        let told = page.lines().filter(|line| line.starts_with("✗ eu-7/b: "));
        // Once, and how to mend it.
        assert_eq!(told.filter(|line| line.contains(text)).count(), 1, "{page}");
        assert!(page.contains("start the "), "{page}");
    }
    assert!(place.out("doctor", 5).contains(text));

    place.write("migrations/V2__b.sql", "CREATE TABLE b (x int);");
    let said = place.run("apply --yes --no-wait");
    assert_eq!(said.code, 4, "{said:?}");
    let told = format!("{}{}", said.out, said.err);
    assert!(told.contains(text), "{told}");
    let status: Value = serde_json::from_str(&place.run("status --output json").out).unwrap();
    assert_eq!(
        status["shards"][0]["version"], "1",
        "it was touched: {status:#}"
    );
}

async fn shows_a_replica_that_stopped_at_a_row(engine: Engine) {
    let Some(watched) = Watched::start(engine, "greylag").await else {
        return;
    };
    watched.place.out("apply --yes", 0);
    watched.there("CREATE TABLE one (id int PRIMARY KEY)").await;
    watched.cluster.wait_replayed().await.unwrap();
    let writable = match engine {
        Engine::MySql => "SET GLOBAL super_read_only = OFF",
        _ => "SET GLOBAL read_only = OFF",
    };
    watched.here(writable).await;
    // Not in its own log: nothing else gives it away.
    watched
        .here("SET sql_log_bin = 0; INSERT INTO one VALUES (7)")
        .await;
    watched.place.out("fleet", 0);
    watched.there("INSERT INTO one VALUES (7)").await;
    is_a_problem(
        &watched,
        "applier-stopped",
        "replay has stopped: error 1062",
    );

    watched
        .here("SET sql_log_bin = 0; DELETE FROM one WHERE id = 7")
        .await;
    watched
        .here(match engine {
            Engine::MySql => "START REPLICA SQL_THREAD",
            _ => "START SLAVE SQL_THREAD",
        })
        .await;
    watched.place.out("apply --yes", 0);
    watched.place.out("status", 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mysql_replica_that_stopped_at_a_row_is_a_problem_though_its_primary_is_idle() {
    shows_a_replica_that_stopped_at_a_row(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mariadb_replica_that_stopped_at_a_row_is_a_problem_though_its_primary_is_idle() {
    shows_a_replica_that_stopped_at_a_row(Engine::MariaDb).await;
}

async fn shows_a_receiver_that_gave_up(engine: Engine) {
    let Some(watched) = Watched::start(engine, "greylag").await else {
        return;
    };
    watched.place.out("apply --yes", 0);
    let (stop, start) = match engine {
        Engine::MySql => ("STOP REPLICA IO_THREAD", "START REPLICA IO_THREAD"),
        _ => ("STOP SLAVE IO_THREAD", "START SLAVE IO_THREAD"),
    };
    let number = async |server: &greylag_lab::Server| {
        server
            .value("", "SELECT @@server_id")
            .await
            .unwrap()
            .unwrap()
    };
    let own = number(watched.cluster.replica(0)).await;
    let source = number(watched.cluster.primary()).await;
    watched.here(stop).await;
    // A source that has the replica's own number is refused for good.
    watched
        .here(&format!("SET GLOBAL server_id = {source}"))
        .await;
    watched.here(start).await;
    is_a_problem(&watched, "receiver-stopped", "equal");

    watched.here(&format!("SET GLOBAL server_id = {own}")).await;
    watched.here(start).await;
    watched.place.out("apply --yes", 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mysql_replica_whose_receiver_gave_up_is_a_problem_though_its_primary_is_idle() {
    shows_a_receiver_that_gave_up(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mariadb_replica_whose_receiver_gave_up_is_a_problem_though_its_primary_is_idle() {
    shows_a_receiver_that_gave_up(Engine::MariaDb).await;
}

/// Somebody reads on the standby what is changed on the primary, and is cancelled for it.
async fn cancel_a_reader(watched: &Watched, number: usize) {
    watched
        .there(&format!("CREATE TABLE read{number} (x int)"))
        .await;
    watched.cluster.wait_replayed().await.unwrap();
    let (replica, database) = (watched.cluster.replica(0), &*watched.database.name);
    let query = format!("SELECT count(*), pg_sleep(3600) FROM read{number}");
    let reading = replica.execute(database, &query);
    let altering = async {
        let locked =
            format!("SELECT count(*) FROM pg_locks WHERE relation = 'read{number}'::regclass");
        let deadline = Instant::now() + greylag_lab::patience();
        while replica.value(database, &locked).await.unwrap().as_deref() == Some("0") {
            assert!(Instant::now() < deadline, "nobody reads");
        }
        watched
            .there(&format!("ALTER TABLE read{number} ADD y int"))
            .await;
    };
    let (read, ()) = tokio::join!(reading, altering);
    let cancelled = read.unwrap_err().to_string();
    assert!(cancelled.contains("conflict with recovery"), "{cancelled}");
    watched.cluster.wait_replayed().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_that_replay_cancelled_are_told_with_since_when_they_are_counted() {
    let Some(watched) = Watched::start(Engine::Postgres, "greylag").await else {
        return;
    };
    let place = &watched.place;
    place.out("apply --yes", 0);
    for sql in [
        "ALTER SYSTEM SET max_standby_streaming_delay = '50ms'",
        "SELECT pg_reload_conf()",
    ] {
        watched.here(sql).await;
    }
    cancel_a_reader(&watched, 1).await;
    let kind = "recovery-conflicts";
    let status = watched.place.until("status --output json", |status| {
        finding(replica(status), kind).is_some()
    });
    let found = finding(replica(&status), kind).unwrap();
    assert_eq!(found["severity"], "warning");
    let text = found["text"].as_str().unwrap();
    assert!(
        text.starts_with("replay has cancelled queries there since 20"),
        "{text}"
    );
    assert!(text.ends_with(": 1 by lock"), "{text}");
    for line in ["status", "fleet", "doctor"] {
        assert!(place.out(line, 0).contains(text), "{line}");
    }

    // Who goes on looking is told of each that comes.
    let mut watch = Listening::to(place, "status --watch --output ndjson");
    watch.next();
    cancel_a_reader(&watched, 2).await;
    // It may be blocked for a moment before.
    let ends = |line: &Value, end: &str| {
        let found = line["node"]["findings"].as_array().into_iter().flatten();
        found
            .into_iter()
            .any(|found| found["text"].as_str().unwrap().ends_with(end))
    };
    let new = "replay cancelled queries there: 1 by lock";
    let change = watch.find(new, |line| ends(line, new));
    assert!(ends(&change, ": 2 by lock"), "{change:#}");
}

async fn shows_readers_of_the_log(engine: Engine) {
    let Some(watched) = Watched::start(engine, "greylag").await else {
        return;
    };
    let place = &watched.place;
    place.out("apply --yes", 0);
    let _reader = watched
        .cluster
        .primary()
        .read_log("cdc", Known::No)
        .await
        .unwrap();
    let is_there = |status: &Value| {
        let nodes = status["shards"][0]["replicas"].as_array().unwrap();
        nodes.iter().any(|node| node["role"] == "downstream")
    };
    let status = watched.place.until("status --output json", is_there);
    let reader = &status["shards"][0]["replicas"][1];
    assert_eq!(reader["name"], "cdc@127.0.0.1", "{status:#}");
    assert_eq!(reader["policy"], "observe");
    assert_eq!(reader["state"], "unobservable");
    assert_eq!(
        (&reader["lag_seconds"], &reader["lag_transactions"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(status["fleet"]["nodes_in_trouble"], 0);
    for line in ["fleet", "status"] {
        let page = place.out(line, 0);
        let told = "! eu-7/cdc@127.0.0.1: how far it has read the binary log can't be seen (observed, not waited for)";
        assert!(
            page.contains(told) && page.contains("downstream") && page.contains("unknown"),
            "{page}"
        );
    }
    // It is nobody's to wait for.
    place.write("migrations/V2__b.sql", "CREATE TABLE b (x int);");
    place.out("apply --yes", 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_mysqls_log_is_shown_as_a_downstream_whose_lag_nobody_knows() {
    shows_readers_of_the_log(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_mariadbs_log_is_shown_as_a_downstream_whose_lag_nobody_knows() {
    shows_readers_of_the_log(Engine::MariaDb).await;
}
