//! Files statement by statement: what stands after a stop, and how a later run goes on from there.

use crate::bench::*;
use greylag_core::{
    outcome::{FailureClass, Left},
    survey::StepState,
};
use greylag_engines::{HistoryChange, Settled};

#[tokio::test]
async fn a_file_with_vacuum_runs_statement_by_statement() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    let sql = "CREATE TABLE a (x);\nPRAGMA journal_mode = WAL;\nVACUUM;\nINSERT INTO a VALUES (1);";
    let job = stepwise("V1", sql);
    apply_ok(&mut session, std::slice::from_ref(&job)).await;
    let survey = session.survey().await.unwrap();
    assert_eq!(survey.history.len(), 1);
    let step = &survey.steps[0];
    assert_eq!(
        (step.state, step.statements_done, step.statements_total),
        (StepState::Applied, 4, 4)
    );
    assert_eq!(step.intent, None);
    let mode: String = bench
        .raw("a.db")
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
    assert_eq!(session.settle(&job).await.unwrap(), Settled::Applied);
}

#[tokio::test]
async fn a_file_that_ends_with_vacuum_is_recorded_once() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    apply_ok(
        &mut session,
        &[stepwise("V1", "CREATE TABLE a (x);\nVACUUM;")],
    )
    .await;
    assert_eq!(bench.history("a.db"), 1);
}

#[tokio::test]
async fn a_failed_file_resumes_after_its_finished_statements() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x UNIQUE); CREATE TABLE n (x)");
    let mut session = bench.ready("a.db").await;
    let file = |third: &str| {
        stepwise(
            "V1",
            &format!("INSERT INTO n VALUES (1);\nVACUUM;\n{third};\nINSERT INTO n VALUES (2);"),
        )
    };
    let failure = apply_fails(&mut session, &[file("INSERT INTO a VALUES (1), (1)")]).await;
    assert_eq!(failure.class, FailureClass::Data);
    assert_eq!(failure.left, Left::Partial { done: 2, total: 4 });
    assert_eq!(failure.place.unwrap().line, 3);
    let step = session.survey().await.unwrap().steps.remove(0);
    assert_eq!((step.state, step.statements_done), (StepState::Failed, 2));
    assert_eq!(step.hashes.len(), 2);
    assert!(step.failure.is_some());
    assert_eq!(
        session.settle(&file("x")).await.unwrap(),
        Settled::Failed(step.failure.unwrap())
    );

    apply_ok(&mut session, &[file("INSERT INTO a VALUES (1)")]).await;
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM n"), 2);
    assert_eq!(bench.history("a.db"), 1);
}

#[tokio::test]
async fn an_edited_file_is_refused_where_the_edit_touches_what_is_done() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE n (x)");
    let mut session = bench.ready("a.db").await;
    apply_fails(
        &mut session,
        &[stepwise(
            "V1",
            "INSERT INTO n VALUES (1);\nINSERT INTO n VALUES (2);\nfalse;",
        )],
    )
    .await;
    let edited = stepwise(
        "V1",
        "INSERT INTO n VALUES (1);\nINSERT INTO n VALUES (20);\nSELECT 1;",
    );
    let failure = apply_fails(&mut session, &[edited]).await;
    assert_eq!(failure.class, FailureClass::Refused);
    assert_eq!(failure.place.unwrap().statement, 2);
    assert_eq!(failure.left, Left::Partial { done: 2, total: 3 });
    let step = session.survey().await.unwrap().steps.remove(0);
    assert_eq!(step.statements_done, 2, "a refusal forgets nothing");
    assert_eq!(bench.count("a.db", "SELECT sum(x) FROM n"), 3);
}

#[tokio::test]
async fn a_file_whose_mode_was_edited_still_resumes() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE n (x)");
    let mut session = bench.ready("a.db").await;
    apply_fails(
        &mut session,
        &[stepwise("V1", "INSERT INTO n VALUES (1);\nfalse;")],
    )
    .await;
    apply_ok(
        &mut session,
        &[wrapped(
            "V1",
            "INSERT INTO n VALUES (1);\nINSERT INTO n VALUES (2);",
        )],
    )
    .await;
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM n"), 2);
}

#[tokio::test]
async fn session_state_is_set_again_before_resuming() {
    let bench = Bench::new();
    bench.shard(
        "a.db",
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p (id) ON DELETE CASCADE);
         INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)",
    );
    let mut session = bench.ready("a.db").await;
    let file = |second: &str| {
        stepwise(
            "V1",
            &format!("PRAGMA foreign_keys = ON;\n{second};\nDELETE FROM p;"),
        )
    };
    apply_fails(&mut session, &[file("false")]).await;
    session.close().await;
    let mut session = bench.ready("a.db").await;
    apply_ok(&mut session, &[file("SELECT 1")]).await;
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM c"), 0);
}

#[tokio::test]
async fn a_files_own_transactions_stand_or_fall_each_as_a_whole() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE n (x UNIQUE)");
    let mut session = bench.ready("a.db").await;
    let file = |fifth: &str| {
        stepwise(
            "V1",
            &format!(
                "BEGIN;\nINSERT INTO n VALUES (1);\nCOMMIT;\nBEGIN;\nINSERT INTO n VALUES (2);\n{fifth};\nEND;"
            ),
        )
    };
    let failure = apply_fails(&mut session, &[file("INSERT INTO n VALUES (1)")]).await;
    assert_eq!(failure.left, Left::Partial { done: 3, total: 7 });
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM n"), 1);
    apply_ok(&mut session, &[file("INSERT INTO n VALUES (3)")]).await;
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM n"), 3);
    assert_eq!(bench.history("a.db"), 1);
}

#[tokio::test]
async fn a_rollback_of_the_files_own_undoes_its_block_and_no_more() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE n (x)");
    let mut session = bench.ready("a.db").await;
    let sql = "INSERT INTO n VALUES (1);\nBEGIN;\nINSERT INTO n VALUES (2);\nROLLBACK;\nINSERT INTO n VALUES (3);";
    apply_ok(&mut session, &[stepwise("V1", sql)]).await;
    assert_eq!(bench.count("a.db", "SELECT sum(x) FROM n"), 4);
    assert_eq!(bench.history("a.db"), 1);
}

#[tokio::test]
async fn a_savepoint_outside_a_transaction_is_one() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE n (x)");
    let mut session = bench.ready("a.db").await;
    let sql = "SAVEPOINT a;\nINSERT INTO n VALUES (1);\nSAVEPOINT b;\nINSERT INTO n VALUES (2);\nROLLBACK TO b;\nRELEASE b;\nRELEASE a;";
    apply_ok(&mut session, &[stepwise("V1", sql)]).await;
    assert_eq!(bench.count("a.db", "SELECT sum(x) FROM n"), 1);
    assert_eq!(bench.history("a.db"), 1);
}

#[tokio::test]
async fn a_file_that_leaves_its_transaction_open_is_undone_and_told() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE n (x)");
    let mut session = bench.ready("a.db").await;
    let failure = apply_fails(
        &mut session,
        &[stepwise("V1", "BEGIN;\nINSERT INTO n VALUES (1);")],
    )
    .await;
    assert!(failure.message.contains("still open"), "{failure:?}");
    assert_eq!(failure.left, Left::Nothing);
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM n"), 0);
    assert_eq!(bench.history("a.db"), 0);
}

#[tokio::test]
async fn a_commit_without_a_begin_is_the_files_own_fault() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE n (x)");
    let mut session = bench.ready("a.db").await;
    let failure = apply_fails(
        &mut session,
        &[stepwise("V1", "INSERT INTO n VALUES (1);\nCOMMIT;")],
    )
    .await;
    assert!(
        failure.message.contains("no transaction is active"),
        "{failure:?}"
    );
    assert_eq!(failure.left, Left::Partial { done: 1, total: 2 });
}

#[tokio::test]
async fn insert_or_rollback_outside_a_transaction_leaves_what_was_done_before() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE n (x UNIQUE)");
    let mut session = bench.ready("a.db").await;
    let sql = "INSERT INTO n VALUES (1);\nINSERT OR ROLLBACK INTO n VALUES (1);";
    let failure = apply_fails(&mut session, &[stepwise("V1", sql)]).await;
    assert_eq!(failure.left, Left::Partial { done: 1, total: 2 });
    assert_eq!(failure.class, FailureClass::Data);
}

#[tokio::test]
async fn a_begin_of_the_files_own_takes_the_write_lock_at_once() {
    let bench = Bench::new();
    bench.shard("a.db", "PRAGMA journal_mode = WAL; CREATE TABLE a (x)");
    let mut session = bench.ready("a.db").await;
    let other = bench.raw("a.db");
    other.busy_timeout(std::time::Duration::ZERO).unwrap();
    let endless = "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n)";
    let sql =
        format!("BEGIN;\nSELECT count(*) FROM a;\n{endless};\nINSERT INTO a VALUES (1);\nCOMMIT;");
    let refused = tried_at_first_note(&mut session, stepwise("V1", &sql), other).await;
    assert!(
        refused,
        "a deferred BEGIN would let the other write, and then fail as stale"
    );
}

#[tokio::test]
async fn an_empty_file_is_applied() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    apply_ok(&mut session, &[stepwise("V1", "-- nothing\n")]).await;
    apply_ok(&mut session, &[wrapped("V2", "")]).await;
    assert_eq!(bench.history("a.db"), 2);
}

#[tokio::test]
async fn a_person_settles_a_step_and_the_run_goes_on_from_there() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE n (x)");
    let mut session = bench.ready("a.db").await;
    let file = stepwise(
        "V1",
        "INSERT INTO n VALUES (1);\nINSERT INTO n VALUES (nope);\nINSERT INTO n VALUES (3);",
    );
    apply_fails(&mut session, std::slice::from_ref(&file)).await;
    let hashes = file
        .script
        .statements
        .iter()
        .take(2)
        .map(|statement| statement.hash(&file.script))
        .collect();
    let settled = HistoryChange::SettleStep {
        migration: file.migration.clone(),
        statements_done: 2,
        hashes,
    };
    session.change_history(&[settled]).await.unwrap();
    assert_eq!(session.settle(&file).await.unwrap(), Settled::Absent);
    apply_ok(&mut session, &[file]).await;
    assert_eq!(bench.count("a.db", "SELECT sum(x) FROM n"), 4);
}

#[tokio::test]
async fn a_repeatable_that_runs_statement_by_statement_runs_again_when_it_changes() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE n (x)");
    let mut session = bench.ready("a.db").await;
    apply_ok(
        &mut session,
        &[stepwise("R__views", "INSERT INTO n VALUES (1);\nVACUUM;")],
    )
    .await;
    let mut again = stepwise("R__views", "INSERT INTO n VALUES (2);\nVACUUM;");
    again.checksum = Some(5);
    apply_ok(&mut session, &[again]).await;
    assert_eq!(bench.count("a.db", "SELECT sum(x) FROM n"), 3);
    assert_eq!(bench.history("a.db"), 2);
}
