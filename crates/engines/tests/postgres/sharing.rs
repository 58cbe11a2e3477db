//! Statements that PostgreSQL refuses to have in one transaction with others: the message says what helps.

use crate::bench::{Bench, applied, failed, stepwise, wrapped};

#[tokio::test]
async fn altering_a_table_with_checks_to_come_names_the_way_out() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let tables = "CREATE TABLE a (id int PRIMARY KEY); \
         CREATE TABLE b (id int, a int REFERENCES a DEFERRABLE INITIALLY DEFERRED)";
    applied(session.as_mut(), &wrapped("V1", tables)).await;
    let sql =
        "INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1);\nALTER TABLE b ADD COLUMN c int";
    let failure = failed(session.as_mut(), &wrapped("V2", sql)).await;
    assert_eq!(failure.code.as_deref(), Some("55006"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("greylag:transaction off"));
    assert_eq!(failure.place.unwrap().line, 2);
    applied(session.as_mut(), &stepwise("V2", sql)).await;
}

#[tokio::test]
async fn using_a_new_value_of_an_enum_names_the_way_out() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    applied(
        session.as_mut(),
        &wrapped("V1", "CREATE TYPE mood AS ENUM ('sad')"),
    )
    .await;
    let sql = "ALTER TYPE mood ADD VALUE 'glad';\nSELECT 'glad'::mood";
    let failure = failed(session.as_mut(), &wrapped("V2", sql)).await;
    assert_eq!(failure.code.as_deref(), Some("55P04"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("greylag:transaction off"));
    applied(session.as_mut(), &stepwise("V2", sql)).await;
}

#[tokio::test]
async fn a_check_that_fails_at_the_commit_is_a_failure_and_nothing_stands() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let tables = "CREATE TABLE a (id int PRIMARY KEY); \
         CREATE TABLE b (id int, a int REFERENCES a DEFERRABLE INITIALLY DEFERRED)";
    applied(session.as_mut(), &wrapped("V1", tables)).await;
    let failure = failed(
        session.as_mut(),
        &wrapped("V2", "INSERT INTO b VALUES (1, 5)"),
    )
    .await;
    assert_eq!(failure.code.as_deref(), Some("23503"));
    assert_eq!(bench.rows("2").await, "0");
    let failure = failed(
        session.as_mut(),
        &stepwise("V3", "INSERT INTO b VALUES (1, 5)"),
    )
    .await;
    assert_eq!(failure.code.as_deref(), Some("23503"));
    assert_eq!(bench.value("SELECT count(*) FROM b").await, "0");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_no_persons_cancel() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let mut job = wrapped("V1", "SELECT pg_sleep(30)");
    job.limits.statement_timeout = Some(std::time::Duration::from_millis(50));
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(failure.class, greylag_core::outcome::FailureClass::Other);
    assert!(failure.hint.unwrap().contains("50 ms"));
}
