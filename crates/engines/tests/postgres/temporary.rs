//! Temporary tables of a file that goes statement by statement, when it is taken up again.

use crate::bench::{Bench, applied, failed, ready, stepwise};
use greylag_core::outcome::FailureClass;

const FILE: &str = "CREATE TEMP TABLE Picked AS SELECT 1 AS id;\nCREATE TABLE kept (id int);\nINSERT INTO kept SELECT id FROM picked;\nINSERT INTO nowhere VALUES (1);\n";

#[tokio::test]
async fn a_file_that_needs_its_temporary_table_is_not_taken_up_in_another_session() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    // In the session that made it, it goes on.
    let half = FILE.replace("INSERT INTO kept", "INSERT INTO not_yet");
    failed(session.as_mut(), &stepwise("V1", &half)).await;
    let failure = failed(session.as_mut(), &stepwise("V1", FILE)).await;
    assert!(failure.message.contains("nowhere"), "{failure:?}");
    assert_eq!(bench.value("SELECT count(*) FROM kept").await, "1");
    // The table is needed no more: another session goes on behind it.
    session.close().await;
    let mut session = ready(&bench.target()).await;
    let mended = FILE.replace("nowhere VALUES (1)", "kept VALUES (2)");
    applied(session.as_mut(), &stepwise("V1", &mended)).await;
    assert_eq!(bench.value("SELECT count(*) FROM kept").await, "2");

    // Now it is lost while it is needed.
    let again = FILE
        .replace("TABLE kept", "TABLE kept2")
        .replace("INTO kept ", "INTO not_yet ");
    failed(session.as_mut(), &stepwise("V2", &again)).await;
    session.close().await;
    let mut session = ready(&bench.target()).await;
    let again = again.replace("INTO not_yet ", "INTO kept2 ");
    let failure = failed(session.as_mut(), &stepwise("V2", &again)).await;
    assert_eq!(failure.class, FailureClass::Refused, "{failure:?}");
    let said = failure.message;
    assert!(
        said.contains("statement 1 made the temporary table picked"),
        "{said}"
    );
    assert_eq!(bench.value("SELECT count(*) FROM kept2").await, "0");
}

#[tokio::test]
async fn a_query_of_a_person_does_not_run_under_the_last_files_settings() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let sql =
        "CREATE SCHEMA other; SET search_path = other; SET ROLE NONE; SET statement_timeout = '1h'";
    applied(session.as_mut(), &stepwise("V1", sql)).await;
    let shown = session.ask("SHOW search_path").await.unwrap().unwrap();
    assert!(!shown.contains("other"), "{shown}");
    let shown = session.ask("SHOW statement_timeout").await.unwrap();
    assert_eq!(shown.as_deref(), Some("0"));
}
