//! `greylag_step` is made when something has to be remembered, and not before.

use crate::bench::{Bench, applied, failed, stepwise, wrapped};
use greylag_core::survey::StepState;

const THERE: &str = "SELECT to_regclass('greylag_step') IS NOT NULL";

#[tokio::test]
async fn a_shard_where_everything_went_well_in_transactions_has_no_step_table() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    applied(session.as_mut(), &wrapped("V1", "CREATE TABLE t (id int)")).await;
    assert_eq!(bench.value(THERE).await, "f");
    assert!(session.survey().await.unwrap().steps.is_empty());
}

#[tokio::test]
async fn a_failure_makes_the_step_table_and_everybody_sees_it_there() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    failed(session.as_mut(), &wrapped("V1", "SELECT 1 / 0")).await;
    assert_eq!(bench.value(THERE).await, "t");
    let seen = session.survey().await.unwrap().steps;
    assert_eq!(seen[0].state, StepState::Failed);
    // A session that knows nothing of it finds it too, and again once it knows.
    let mut other = bench.session().await;
    for _ in 0..2 {
        assert_eq!(other.survey().await.unwrap().steps, seen);
    }
    applied(session.as_mut(), &wrapped("V1", "CREATE TABLE t (id int)")).await;
    assert!(other.survey().await.unwrap().steps.is_empty());
}

#[tokio::test]
async fn a_run_statement_by_statement_makes_the_step_table_before_its_first_statement() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let sees = "DO $$ BEGIN PERFORM FROM greylag_step; END $$";
    applied(session.as_mut(), &stepwise("V1", sees)).await;
    let seen = session.survey().await.unwrap().steps;
    assert_eq!(seen[0].state, StepState::Applied);
}

#[tokio::test]
async fn a_role_that_may_not_make_the_step_table_is_told_before_anything_ran() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    bench.admin("ALTER SCHEMA public OWNER TO postgres").await;
    // Before PostgreSQL 15 everybody may.
    bench
        .admin("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await;
    let job = stepwise("V1", "CREATE TEMPORARY TABLE t (id int)");
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(
        failure.class,
        greylag_core::outcome::FailureClass::Permission
    );
    assert!(
        failure.message.contains("creating greylag's tables"),
        "{failure:?}"
    );
    assert_eq!(bench.rows("1").await, "0");
}
