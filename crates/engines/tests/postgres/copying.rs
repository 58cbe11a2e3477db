//! COPY, large files, notices: what one message can't carry.

use crate::bench::{Bench, applied, failed, stepwise, wrapped};
use greylag_core::{
    outcome::{FailureClass, Left},
    position::Reach,
};
use std::fmt::Write;

const COPY: &str = "CREATE TABLE t (id int PRIMARY KEY, name text);\nCOPY t (id, name) FROM STDIN;\n1\tone\n2\tt'wo\n\\.\nINSERT INTO t VALUES (3, 'three');\n";

#[tokio::test]
async fn copied_rows_are_there_with_the_history_row_or_not_at_all() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let bad = format!("{COPY}INSERT INTO t VALUES (1, 'again')");
    let failure = failed(session.as_mut(), &wrapped("V1", &bad)).await;
    assert_eq!(
        (failure.class, failure.left),
        (FailureClass::Data, Left::Nothing)
    );
    let place = failure.place.unwrap();
    assert_eq!((place.statement, place.line), (4, 7), "{place:?}");
    assert_eq!(bench.value("SELECT to_regclass('t') IS NULL").await, "t");
    applied(session.as_mut(), &wrapped("V1", COPY)).await;
    assert_eq!(
        bench
            .value("SELECT string_agg(name, ' ' ORDER BY id) FROM t")
            .await,
        "one t'wo three"
    );
    applied(
        session.as_mut(),
        &stepwise(
            "V2",
            &COPY.replace(" t (", " u (").replace("INTO t", "INTO u"),
        ),
    )
    .await;
    assert_eq!(bench.value("SELECT count(*) FROM u").await, "3");
}

#[tokio::test]
async fn a_bad_row_of_copied_data_fails_the_file_and_frees_the_session() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let bad = COPY.replace("2\tt'wo", "two\tt'wo");
    for job in [wrapped("V1", &bad), stepwise("V2", &bad)] {
        let failure = failed(session.as_mut(), &job).await;
        assert_eq!(failure.class, FailureClass::Data, "{failure:?}");
        assert_eq!(failure.place.unwrap().statement, 2);
    }
    assert_eq!(session.ask("SELECT 1").await.unwrap().as_deref(), Some("1"));
}

#[tokio::test]
async fn copy_to_stdout_is_refused_before_anything_is_touched() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let job = wrapped("V1", "CREATE TABLE t (id int); COPY t TO STDOUT");
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(failure.class, FailureClass::Refused);
    assert_eq!(failure.place.unwrap().statement, 2);
}

#[tokio::test]
async fn a_large_file_is_one_transaction_all_the_same() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let mut sql = String::from("CREATE TABLE t (id int PRIMARY KEY, filler text);\n");
    let filler = "ü".repeat(200);
    for id in 0..4000 {
        writeln!(sql, "INSERT INTO t VALUES ({id}, '{filler}');").unwrap();
    }
    let bad = format!("{sql}SELECT 1;\nSELECT 'é', nothing;\n");
    let failure = failed(session.as_mut(), &wrapped("V1", &bad)).await;
    let place = failure.place.unwrap();
    assert_eq!(
        (place.statement, place.line, place.column),
        (4003, 4003, Some(13))
    );
    assert_eq!(failure.left, Left::Nothing);
    assert_eq!(bench.value("SELECT to_regclass('t') IS NULL").await, "t");
    applied(session.as_mut(), &wrapped("V1", &sql)).await;
    assert_eq!(bench.value("SELECT count(*) FROM t").await, "4000");
    assert_eq!(bench.rows("1").await, "1");
}

#[tokio::test]
async fn notices_are_told_in_the_servers_words() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let sql = "DO $$ BEGIN RAISE NOTICE 'mind the gap'; RAISE WARNING 'truly'; END $$";
    for job in [wrapped("V1", sql), stepwise("V2", sql)] {
        let (done, _) = applied(session.as_mut(), &job).await;
        assert_eq!(done.warnings, ["NOTICE: mind the gap", "WARNING: truly"]);
    }
}

#[tokio::test]
async fn a_position_is_later_than_what_it_follows() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let before = session.position().await.unwrap().unwrap();
    let (done, _) = applied(session.as_mut(), &wrapped("V1", "CREATE TABLE t (id int)")).await;
    let at = done.position.unwrap();
    assert_eq!(before.reaches(&at), Reach::No);
    let (done, _) = applied(session.as_mut(), &stepwise("V2", "DROP TABLE t")).await;
    let then = done.position.unwrap();
    assert_eq!(at.reaches(&then), Reach::No);
    let now = session.position().await.unwrap().unwrap();
    assert_eq!(now.reaches(&then), Reach::Yes);
}
