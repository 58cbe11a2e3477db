//! What of Greylag's is on a shard, and what of others' makes it one that is not claimed by itself.

use crate::bench::{Bench, applied, claim, failed, open, ready, stepwise, wrapped};
use greylag_core::{outcome::FailureClass, survey::StepState};
use greylag_engines::{LockAttempt, Session, Target};
use std::sync::Arc;

#[tokio::test]
async fn anything_of_a_persons_makes_a_shard_one_that_is_not_empty() {
    for made in [
        "CREATE TABLE t (id int)",
        "CREATE VIEW v AS SELECT 1 AS one",
        "CREATE MATERIALIZED VIEW m AS SELECT 1 AS one",
        "CREATE SEQUENCE s",
        "CREATE TYPE c AS (id int)",
        "CREATE TYPE mood AS ENUM ('sad')",
        "CREATE DOMAIN d AS int",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA app CREATE TABLE t (id int)",
        "CREATE SCHEMA app; CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ] {
        for expected in [true, false] {
            let Some(bench) = Bench::start().await else {
                return;
            };
            let mut session = bench.session().await;
            session.expect_tables(expected);
            assert!(session.survey().await.unwrap().empty);
            bench.admin(made).await;
            assert!(!session.survey().await.unwrap().empty, "{made}");
        }
    }
}

#[tokio::test]
async fn a_schema_without_anything_in_it_leaves_a_shard_empty() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench.admin("CREATE SCHEMA app").await;
    let mut session = bench.session().await;
    session.expect_tables(false);
    assert!(session.survey().await.unwrap().empty);
}

#[tokio::test]
async fn the_index_that_is_flyways_is_made_on_flyways_table_only() {
    for (table, indexes) in [
        ("greylag_schema_history", "0"),
        ("flyway_schema_history", "1"),
    ] {
        let Some(bench) = Bench::start().await else {
            return;
        };
        let target = Target {
            history_table: Arc::from(table),
            ..bench.target()
        };
        let mut session = ready(&target).await;
        applied(session.as_mut(), &wrapped("V1", "SELECT 1")).await;
        let count = format!("SELECT count(*) FROM pg_indexes WHERE indexname = '{table}_s_idx'");
        assert_eq!(bench.value(&count).await, indexes, "{table}");
    }
}

#[tokio::test]
async fn a_position_comes_with_a_commit_where_something_replays_it() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let (first, _) = applied(session.as_mut(), &wrapped("V1", "SELECT 1")).await;
    assert!(first.position.is_some());
    session.expect_replicas(false);
    let (second, notes) = applied(session.as_mut(), &wrapped("V2", "SELECT 1")).await;
    assert!(second.position.is_none() && second.warnings.is_empty());
    assert_eq!(notes.len(), 1);
    assert_eq!(bench.rows("2").await, "1");
}

/// A session that holds the lock, and is to make its tables with the first job.
async fn about_to_prepare(target: &Target) -> Box<dyn Session> {
    let mut session = open(target).await;
    session.expect_tables(false);
    let (held, seen) = session.try_lock_and_survey().await.unwrap();
    assert_eq!(held, LockAttempt::Held);
    assert!(seen.unwrap().empty);
    session.prepare_with_jobs(&claim()).await.unwrap();
    assert!(session.is_to_prepare());
    session
}

#[tokio::test]
async fn tables_that_come_with_the_first_job_are_there_with_it_and_not_before() {
    for job in [
        wrapped("V1", "CREATE TABLE t (id int)"),
        stepwise("V1", "CREATE TABLE t (id int)"),
        wrapped(
            "V1",
            "CREATE TABLE t (id int);\nCOPY t FROM STDIN;\n1\n\\.\n",
        ),
    ] {
        let Some(bench) = Bench::start().await else {
            return;
        };
        let mut session = about_to_prepare(&bench.target()).await;
        let mut other = bench.session().await;
        assert!(other.survey().await.unwrap().empty);
        let (done, _) = applied(session.as_mut(), &job).await;
        assert!(done.warnings.is_empty(), "{:?}", done.warnings);
        assert!(!session.is_to_prepare());
        let seen = other.survey().await.unwrap();
        assert_eq!(seen.identity, Some(claim().identity));
        assert_eq!(seen.history.len(), 1);
        applied(session.as_mut(), &wrapped("V2", "CREATE TABLE u (id int)")).await;
        assert_eq!(session.survey().await.unwrap().history.len(), 2);
    }
}

#[tokio::test]
async fn tables_stand_where_the_first_job_fails_and_remember_it() {
    for (sql, code) in [
        ("SELECT 1/0", "22012"),
        ("CREATE TABEL t (id int)", "42601"),
    ] {
        let Some(bench) = Bench::start().await else {
            return;
        };
        let mut session = about_to_prepare(&bench.target()).await;
        let failure = failed(session.as_mut(), &wrapped("V1", sql)).await;
        assert_eq!(failure.code.as_deref(), Some(code), "{failure:?}");
        assert!(failure.migration.is_some() && !session.is_to_prepare());
        let seen = session.survey().await.unwrap();
        assert_eq!(seen.identity, Some(claim().identity));
        assert!(seen.has_history && seen.history.is_empty());
        assert_eq!(seen.steps[0].state, StepState::Failed);
        applied(session.as_mut(), &wrapped("V1", "CREATE TABLE t (id int)")).await;
    }
}

#[tokio::test]
async fn tables_that_can_not_be_made_are_no_fault_of_the_first_job() {
    for job in [wrapped("V1", "SELECT 1"), stepwise("V1", "SELECT 1")] {
        let Some(bench) = Bench::start().await else {
            return;
        };
        bench
            .admin("ALTER SCHEMA public OWNER TO postgres; REVOKE CREATE ON SCHEMA public FROM PUBLIC, greylag")
            .await;
        let mut session = about_to_prepare(&bench.target()).await;
        let failure = failed(session.as_mut(), &job).await;
        assert_eq!(failure.class, FailureClass::Permission, "{failure:?}");
        assert_eq!(failure.migration, None);
        assert!(failure.hint.unwrap().contains("GRANT"));
        assert!(session.is_to_prepare());
        bench
            .admin("GRANT CREATE ON SCHEMA public TO greylag")
            .await;
        applied(session.as_mut(), &job).await;
        assert!(!session.is_to_prepare());
    }
}
