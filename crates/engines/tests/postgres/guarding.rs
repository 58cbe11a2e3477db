//! A file's own COMMIT, ROLLBACK, role and settings, and what they may not do to the history.

use crate::bench::{Bench, applied, apply, blind, failed, lock, unknown, wrapped};
use greylag_core::outcome::{FailureClass, Left};
use greylag_engines::{Attempt, LockAttempt, Settled, Target};
use std::sync::Arc;

#[tokio::test]
async fn a_file_that_ends_our_transaction_unseen_gets_no_history_row() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    for (version, ending) in [
        ("V1", "COMMIT"),
        ("V2", "ROLLBACK"),
        ("V3", "COMMIT AND CHAIN"),
    ] {
        let job = blind(
            version,
            &format!("CREATE TABLE m{version} (id int); {ending}; SELECT 1"),
        );
        let doubt = unknown(session.as_mut(), &job).await;
        assert!(
            doubt.needs_person && doubt.why.contains("ended the transaction"),
            "{doubt:?}"
        );
        assert_eq!(bench.rows(&version[1..]).await, "0");
        let settled = session.settle(&job).await.unwrap();
        assert!(matches!(settled, Settled::Unknown(doubt) if doubt.needs_person));
        let again = unknown(session.as_mut(), &job).await;
        assert!(again.needs_person, "it must not run again by itself");
    }
}

#[tokio::test]
async fn a_file_with_its_own_commit_is_refused_in_one_of_our_transactions() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let job = wrapped("V1", "CREATE TABLE t (id int);\nCOMMIT;");
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(
        (failure.class, failure.left),
        (FailureClass::Refused, Left::Nothing)
    );
    assert_eq!(failure.place.unwrap().line, 2);
    assert_eq!(bench.value("SELECT to_regclass('t') IS NULL").await, "t");
}

#[tokio::test]
async fn what_would_let_the_lock_go_is_refused() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    for sql in ["DISCARD ALL", "SELECT pg_advisory_unlock_all()"] {
        let failure = failed(session.as_mut(), &wrapped("V1", sql)).await;
        assert_eq!(failure.class, FailureClass::Refused, "{failure:?}");
        assert!(failure.hint.is_some());
    }
}

#[tokio::test]
async fn a_lock_stolen_while_the_file_runs_is_found_out_and_nothing_stands() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let body = "BEGIN PERFORM pg_advisory_unlock_all(); END";
    bench
        .owner(&format!(
            "CREATE FUNCTION thief() RETURNS void LANGUAGE plpgsql AS $${body}$$"
        ))
        .await;
    // The file lets the lock go behind our back, and goes on once somebody else has it.
    let waits = "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted \
         AND pid <> pg_backend_pid() AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) \
         LOOP PERFORM pg_sleep(0.01); PERFORM pg_stat_clear_snapshot(); END LOOP; END $$";
    let job = wrapped(
        "V1",
        &format!("CREATE TABLE t (id int); SELECT thief(); {waits}"),
    );
    let mut rival = bench.session().await;
    let (attempt, ()) = tokio::join!(apply(session.as_mut(), &job), lock(rival.as_mut()));
    let Attempt::Failed(failure) = attempt else {
        panic!("{attempt:?}");
    };
    assert_eq!(
        (failure.class, failure.left),
        (FailureClass::Conflict, Left::Nothing)
    );
    assert_eq!(bench.value("SELECT to_regclass('t') IS NULL").await, "t");
    assert_eq!(bench.rows("1").await, "0");
}

#[tokio::test]
async fn a_role_or_search_path_that_the_file_sets_does_not_hinder_its_history_row() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench
        .admin("CREATE ROLE reader_of_nothing; GRANT reader_of_nothing TO greylag;")
        .await;
    let mut session = bench.ready().await;
    let files = [
        "CREATE TABLE t (id int); SET ROLE reader_of_nothing",
        "SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE public.u (id int)",
        "SET standard_conforming_strings = off; SET lock_timeout = 0",
    ];
    for (number, sql) in files.iter().enumerate() {
        applied(session.as_mut(), &wrapped(&format!("V{number}"), sql)).await;
        assert_eq!(bench.rows(&number.to_string()).await, "1");
    }
    applied(session.as_mut(), &wrapped("V9", "INSERT INTO t VALUES (1)")).await;
}

#[tokio::test]
async fn nothing_before_the_file_takes_a_snapshot() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let target = Target {
        session_sql: Arc::from(["SELECT set_config('application_name', 'mine', false)".to_owned()]),
        ..bench.target()
    };
    let mut session = crate::bench::ready(&target).await;
    let sql = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; \
         CREATE TABLE t AS SELECT current_setting('transaction_isolation') AS level, \
         current_setting('application_name') AS name";
    applied(session.as_mut(), &wrapped("V1", sql)).await;
    let seen = bench.value("SELECT level || ', ' || name FROM t").await;
    assert_eq!(seen, "repeatable read, mine");
}

#[tokio::test]
async fn the_role_of_the_session_sql_writes_the_history_row() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench
        .admin(
            "CREATE ROLE keeper; GRANT keeper TO greylag; CREATE SCHEMA kept AUTHORIZATION keeper;",
        )
        .await;
    let target = Target {
        session_sql: Arc::from([
            "SET ROLE keeper".to_owned(),
            "SET search_path = kept".to_owned(),
        ]),
        ..bench.target()
    };
    let mut session = crate::bench::ready(&target).await;
    applied(
        session.as_mut(),
        &wrapped("V1", "CREATE TABLE t (id int); RESET ROLE"),
    )
    .await;
    let owner = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'kept'";
    assert_eq!(bench.value(owner).await, "keeper");
    let by = format!("SELECT installed_by FROM kept.{}", crate::bench::HISTORY);
    assert_eq!(bench.value(&by).await, "keeper");
}

#[tokio::test]
async fn a_message_that_failed_leaves_a_session_that_works() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    for sql in [
        "SELEC 1",
        "SELECT 1/0",
        "CREATE TABLE t (id int); SELECT nothing FROM t",
    ] {
        failed(session.as_mut(), &wrapped("V1", sql)).await;
    }
    applied(session.as_mut(), &wrapped("V1", "CREATE TABLE t (id int)")).await;
    assert_eq!(session.try_lock().await.unwrap(), LockAttempt::Held);
}

#[tokio::test]
async fn a_file_half_done_by_statements_is_not_run_again_as_a_transaction() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let sql =
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)";
    failed(session.as_mut(), &crate::bench::stepwise("V1", sql)).await;
    let failure = failed(session.as_mut(), &wrapped("V1", "INSERT INTO t VALUES (2)")).await;
    assert_eq!(failure.class, FailureClass::Refused, "{failure:?}");
    assert_eq!(failure.left, Left::Partial { done: 2, total: 3 });
    assert!(failure.hint.unwrap().contains("greylag:transaction off"));
}
