//! What a standby refuses, and what the lint says of it.

use greylag_core::engine::Engine;
use greylag_lab::Cluster;
use greylag_lint::{Settings, Unit, lint};
use std::collections::BTreeMap;

/// Whether the lint says that a view of this query can't be read on replicas.
fn is_told(query: &str) -> bool {
    let text = format!("CREATE VIEW v AS {};", body(query));
    let none = BTreeMap::new();
    let unit = Unit::read(Engine::Postgres, "V1__v.sql", text.as_bytes(), None, &none);
    let report = lint(&[unit], &Settings::default(), None);
    let mut findings = report.findings.iter();
    findings.any(|f| f.rule == "primary-only" && f.title.contains("can't be read on replicas"))
}

fn body(query: &str) -> String {
    match query.contains(" FROM ") {
        true => format!("SELECT {query}"),
        false => format!("SELECT {query}::text AS x"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_is_for_primaries_only_cannot_be_read_on_a_standby() {
    if !greylag_lab::available(greylag_lab::Engine::Postgres) {
        return;
    }
    let cluster = Cluster::start(greylag_lab::Engine::Postgres, 1)
        .await
        .unwrap();
    let database = cluster.primary().database("views").await.unwrap().name;
    let primary = cluster.primary();
    primary
        .execute(&database, "CREATE SEQUENCE s; CREATE TABLE jobs (id int)")
        .await
        .unwrap();
    let queries = [
        "nextval('s')",
        "setval('s', 5)",
        "txid_current()",
        "pg_current_xact_id()",
        "pg_notify('a', 'b')",
        "pg_current_wal_lsn()",
        "pg_switch_wal()",
        "lo_create(0)",
        "lo_from_bytea(0, 'a')",
        "pg_current_wal_insert_lsn()",
        "pg_logical_emit_message(false, 'a', 'b')",
        "id FROM jobs FOR UPDATE SKIP LOCKED",
        "id FROM jobs FOR NO KEY UPDATE",
        "id FROM jobs FOR SHARE",
        "id FROM (SELECT id FROM jobs FOR KEY SHARE) j",
        "id FROM jobs",
        "pg_try_advisory_lock(2)",
        "now()",
        "gen_random_uuid()",
        "pg_advisory_xact_lock(1)",
        "random()",
        "pg_last_wal_replay_lsn()",
    ];
    for (number, query) in queries.iter().enumerate() {
        let view = format!("CREATE VIEW v{number} AS {}", body(query));
        primary.execute(&database, &view).await.unwrap();
    }
    cluster.wait_replayed().await.unwrap();
    let mut wrong = Vec::new();
    for (number, query) in queries.iter().enumerate() {
        let read = format!("SELECT * FROM v{number}");
        let answer = cluster.replica(0).execute(&database, &read).await;
        if answer.is_err() != is_told(query) {
            wrong.push(format!("{query}: {answer:?}"));
        }
    }
    for refused in ["LISTEN a", "NOTIFY a"] {
        let answer = cluster.replica(0).execute(&database, refused).await;
        if answer.is_ok() {
            wrong.push(format!("{refused} is taken"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
