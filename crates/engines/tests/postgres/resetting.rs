//! RESET ALL in a file: its settings go, Greylag's own hold again, and what is said of it is true.

use crate::bench::{Bench, applied, apply, blind, failed, stepwise, unknown, wrapped};
use greylag_core::outcome::{FailureClass, Left};
use greylag_engines::Attempt;

const SEEN: &str = "CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS wait, \
     current_setting('work_mem') AS memory";

async fn seen(bench: &Bench) -> String {
    bench.value("SELECT wait || ', ' || memory FROM seen").await
}

#[tokio::test]
async fn a_file_may_reset_all_and_keeps_its_limits() {
    let copying = wrapped(
        "V1",
        &format!(
            "CREATE TABLE c (id int);\nCOPY c FROM STDIN;\n1\n\\.\nSET work_mem = '1MB'; RESET ALL; {SEEN}"
        ),
    );
    let plain =
        format!("CREATE TABLE a (id int); SET work_mem = '1MB'; RESET /* them */ ALL; {SEEN}");
    let own =
        format!("BEGIN; CREATE TABLE a (id int); SET work_mem = '1MB'; RESET ALL; {SEEN}; COMMIT");
    for job in [
        wrapped("V1", &plain),
        wrapped(
            "V1",
            &format!("RESET ALL; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; {SEEN}"),
        ),
        stepwise("V1", &plain),
        stepwise("V1", &own),
        copying,
    ] {
        let Some(bench) = Bench::start().await else {
            return;
        };
        let memory = bench.value("SHOW work_mem").await;
        let mut session = bench.ready().await;
        applied(session.as_mut(), &job).await;
        assert_eq!(seen(&bench).await, format!("2s, {memory}"));
        assert_eq!(bench.rows("1").await, "1");
        applied(session.as_mut(), &wrapped("V2", "SELECT 1")).await;
    }
}

#[tokio::test]
async fn a_resumed_file_that_had_reset_all_keeps_its_limits() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let sql = format!("RESET ALL; SELECT * FROM later; {SEEN}");
    failed(session.as_mut(), &stepwise("V1", &sql)).await;
    bench.owner("CREATE TABLE later (id int)").await;
    applied(session.as_mut(), &stepwise("V1", &sql)).await;
    assert!(seen(&bench).await.starts_with("2s, "));
}

#[tokio::test]
async fn a_file_that_ended_our_transaction_before_its_reset_gets_no_row() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    for (version, ending) in [
        ("V1", "ROLLBACK"),
        ("V2", "COMMIT"),
        ("V3", "COMMIT AND CHAIN"),
    ] {
        let sql = format!("CREATE TABLE m{version} (id int); {ending}; RESET ALL; SELECT 1");
        let doubt = unknown(session.as_mut(), &blind(version, &sql)).await;
        assert!(doubt.needs_person, "{doubt:?}");
        assert_eq!(bench.rows(&version[1..]).await, "0");
    }
}

#[tokio::test]
async fn a_function_that_resets_all_fails_truly_and_leaves_nothing() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench
        .owner("CREATE FUNCTION forget() RETURNS void LANGUAGE plpgsql AS $$BEGIN RESET ALL; END$$")
        .await;
    let mut session = bench.ready().await;
    let job = wrapped("V1", "CREATE TABLE a (id int); SELECT forget()");
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(
        (failure.class, failure.left),
        (FailureClass::Refused, Left::Nothing),
        "{}",
        failure.message
    );
    assert!(failure.message.contains("RESET ALL"), "{}", failure.message);
    assert_eq!(bench.value("SELECT to_regclass('a') IS NULL").await, "t");
    // It can be mended and run again.
    applied(session.as_mut(), &wrapped("V1", "CREATE TABLE a (id int)")).await;
    // In a DO block it is seen, and refused before anything runs.
    let block = wrapped("V2", "DO $$ BEGIN reset all; END $$");
    let Attempt::Failed(failure) = apply(session.as_mut(), &block).await else {
        panic!("it was taken");
    };
    assert_eq!(failure.class, FailureClass::Refused);
    assert!(failure.hint.is_some());
}
