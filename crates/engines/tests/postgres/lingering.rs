//! What outlives a transaction in a PostgreSQL session ends with its file all the same.

use crate::bench::{Bench, applied, failed, ready, stepwise, wrapped};
use greylag_core::outcome::FailureClass;
use greylag_engines::{Attempt, Job};

/// What a file may leave behind, and how to see it.
const LEFT: &[(&str, &str)] = &[
    (
        "PREPARE p AS SELECT 1",
        "SELECT count(*) FROM pg_prepared_statements",
    ),
    (
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "SELECT count(*) FROM pg_cursors WHERE is_holdable",
    ),
    (
        "LISTEN orders",
        "SELECT count(*) FROM pg_listening_channels()",
    ),
    (
        "CREATE TEMP TABLE orders AS SELECT 1 AS id",
        "SELECT count(*) FROM pg_class WHERE oid = to_regclass('pg_temp.orders')",
    ),
    (
        "DO $$ BEGIN EXECUTE 'CREATE TEMP ' || 'VIEW v AS SELECT 1 AS id'; END $$",
        "SELECT count(*) FROM pg_class WHERE oid = to_regclass('pg_temp.v')",
    ),
    (
        "SET search_path = pg_catalog",
        "SELECT current_setting('search_path')",
    ),
    (
        "SET a.b = 'mine'",
        "SELECT coalesce(nullif(current_setting('a.b', true), ''), 'none')",
    ),
    ("SET ROLE pg_monitor", "SELECT current_user"),
    (
        "SET SESSION AUTHORIZATION pg_monitor",
        "SELECT session_user",
    ),
];

fn seen(version: &str, look: &str) -> Job {
    let sql = format!("CREATE TABLE public.seen_{version} AS SELECT ({look})::text AS what");
    wrapped(version, &sql)
}

async fn told(bench: &Bench, version: &str) -> String {
    bench
        .value(&format!("SELECT what FROM seen_{version}"))
        .await
}

/// As a superuser: it may become anybody.
async fn bench() -> Option<(Bench, greylag_engines::Target)> {
    let bench = Bench::start().await?;
    let mut target = bench.target();
    target.url = bench.database.admin_url.parse().unwrap();
    Some((bench, target))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_file_leaves_reaches_the_next_one() {
    for (leave, look) in LEFT {
        for leave in [wrapped("V2", leave), stepwise("V2", leave)] {
            let Some((bench, target)) = bench().await else {
                return;
            };
            let mut session = ready(&target).await;
            applied(session.as_mut(), &seen("V1", look)).await;
            applied(session.as_mut(), &leave).await;
            applied(session.as_mut(), &seen("V3", look)).await;
            assert_eq!(told(&bench, "V1").await, told(&bench, "V3").await, "{look}");
            // Nor, where they share a transaction, the one behind it.
            let jobs = [wrapped("V4", leave.script.text.as_ref()), seen("V5", look)];
            let attempt = session.apply(&jobs, &|_| {}).await;
            assert!(
                matches!(attempt, Attempt::Applied(_)),
                "{look}: {attempt:?}"
            );
            assert_eq!(told(&bench, "V1").await, told(&bench, "V5").await, "{look}");
        }
    }
}

#[tokio::test]
async fn what_a_sequence_gave_last_is_forgotten() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let first = wrapped("V1", "CREATE SEQUENCE s; SELECT nextval('s')");
    applied(session.as_mut(), &first).await;
    let failure = failed(session.as_mut(), &wrapped("V2", "SELECT lastval()")).await;
    assert_eq!(failure.code.as_deref(), Some("55000"), "{failure:?}");
}

#[tokio::test]
async fn a_lock_that_would_outlive_the_file_is_refused() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    for sql in [
        "SELECT pg_advisory_lock(5)",
        "SELECT pg_catalog.pg_try_advisory_lock_shared(1, 2)",
        "DO $$ BEGIN PERFORM pg_advisory_lock(5); END $$",
    ] {
        let failure = failed(session.as_mut(), &wrapped("V1", sql)).await;
        assert_eq!(failure.class, FailureClass::Refused, "{failure:?}");
        assert!(failure.hint.unwrap().contains("pg_advisory_xact_lock"));
    }
    let ends = wrapped(
        "V1",
        "SELECT pg_advisory_xact_lock(5), 'pg_advisory_lock(5)'",
    );
    applied(session.as_mut(), &ends).await;
}
