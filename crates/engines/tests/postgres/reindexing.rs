//! REINDEX … CONCURRENTLY that comes to nothing: what it was building goes, and nothing else.

use crate::bench::{Bench, applied, failed, ready, stepwise, unknown, until, wrapped};
use greylag_core::outcome::FailureClass;
use greylag_engines::Session;

const INDEXES: &str = "SELECT coalesce(string_agg(c.relname || CASE WHEN i.indisvalid THEN '' ELSE '!' END, ' ' ORDER BY c.relname), '') \
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 't'::regclass";

/// Somebody reads the table, and does not end.
const READS: &str = "BEGIN; LOCK TABLE t IN ACCESS SHARE MODE";

#[tokio::test]
async fn a_rebuild_that_waits_in_vain_leaves_nothing_once_it_has_gone_through() {
    let Some((bench, mut session)) = table().await else {
        return;
    };
    let other = bench.other().await;
    other.batch_execute(READS).await.unwrap();
    for statement in [
        "REINDEX INDEX CONCURRENTLY a",
        "REINDEX (VERBOSE) TABLE CONCURRENTLY t",
        "REINDEX SCHEMA CONCURRENTLY public",
    ] {
        let job = stepwise("V2", statement);
        let failure = failed(session.as_mut(), &job).await;
        assert_eq!(failure.class, FailureClass::Lock, "{failure:?}");
    }
    other.batch_execute("COMMIT").await.unwrap();
    applied(
        session.as_mut(),
        &stepwise("V2", "REINDEX TABLE CONCURRENTLY t"),
    )
    .await;
    assert_eq!(bench.value(INDEXES).await, "a b");
}

#[tokio::test]
async fn a_rebuild_whose_connection_was_lost_is_cleared_away_and_what_others_left_is_not() {
    let Some((bench, mut session)) = table().await else {
        return;
    };
    // Somebody else's, from before.
    let other = bench.other().await;
    other.batch_execute(READS).await.unwrap();
    let theirs = bench.other().await;
    let limit = theirs.batch_execute("SET lock_timeout = '200ms'").await;
    limit.unwrap();
    let failed = theirs.batch_execute("REINDEX INDEX CONCURRENTLY b").await;
    assert!(failed.is_err());
    let before = bench.value(INDEXES).await;
    assert!(before.contains("b_cc"), "{before}");
    let mut job = stepwise("V2", "REINDEX INDEX CONCURRENTLY a");
    job.limits.lock_timeout = std::time::Duration::from_secs(600);
    let pid = session.pid();
    let again = job.clone();
    let running = tokio::spawn(async move { unknown(session.as_mut(), &job).await });
    let waits = format!("SELECT count(*) FROM pg_locks WHERE pid = {pid} AND NOT granted");
    until("it waits", async || bench.value(&waits).await != "0").await;
    bench
        .admin(&format!("SELECT pg_terminate_backend({pid})"))
        .await;
    running.await.unwrap();
    assert!(bench.value(INDEXES).await.contains("a_cc"));
    other.batch_execute("COMMIT").await.unwrap();
    let mut session = ready(&bench.target()).await;
    applied(session.as_mut(), &again).await;
    assert_eq!(bench.value(INDEXES).await, before);
}

async fn table() -> Option<(Bench, Box<dyn Session>)> {
    let bench = Bench::start().await?;
    let mut session = bench.ready().await;
    let sql = "CREATE TABLE t (id int, n int); CREATE INDEX a ON t (id); CREATE INDEX b ON t (n)";
    applied(session.as_mut(), &wrapped("V1", sql)).await;
    assert_eq!(bench.value(INDEXES).await, "a b");
    Some((bench, session))
}
