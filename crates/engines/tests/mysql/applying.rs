//! What applying a migration comes to, and what a failure leaves.

use crate::stage::{apply, as_transaction, claim, fail, job, succeed};
use greylag_core::{
    outcome::{FailureClass, Left},
    survey::{Role, StepState},
};
use greylag_engines::{Attempt, Settled};

on_both!(an_empty_database_is_surveyed_claimed_and_migrated(stage, shared) {
    let mut session = stage.open().await;
    let before = session.survey().await.unwrap();
    assert!(before.empty && !before.has_history && before.identity.is_none());
    assert_eq!(before.role, Role::Primary);
    assert_eq!(before.server.engine, stage.engine);
    crate::stage::hold(session.as_mut()).await;
    session.prepare(&claim()).await.unwrap();
    session.prepare(&claim()).await.unwrap();
    let applied = succeed(session.as_mut(), &job("1", &["CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1)"])).await;
    assert!(applied.position.is_some());
    succeed(session.as_mut(), &job("2", &["INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (3)"])).await;
    let after = session.survey().await.unwrap();
    assert!(!after.empty && after.has_history);
    assert_eq!(after.identity, Some(claim().identity));
    let rows: Vec<_> = after.history.iter().map(|r| (r.installed_rank, r.version.clone().unwrap(), r.success)).collect();
    assert_eq!(rows, [(1, "1".into(), true), (2, "2".into(), true)]);
    assert_eq!(after.history[0].kind, "SQL");
    assert_eq!(after.history[0].script, "V1__step_1.sql");
    let steps: Vec<_> = after.steps.iter().map(|s| (s.migration.to_string(), s.state, s.statements_done)).collect();
    assert_eq!(steps, [("V1".into(), StepState::Applied, 2)]);
    assert_eq!(stage.count("t").await, "3");
    session.unlock().await.unwrap();
    session.close().await;
});

on_both!(plain_statements_fail_as_one_and_leave_nothing(stage, shared) {
    stage.run("CREATE TABLE t (a int PRIMARY KEY)").await;
    let mut session = stage.ready().await;
    let failing = job("1", &["INSERT INTO t VALUES (1)", "INSERT INTO t\n VALUES (1)"]);
    let failure = fail(session.as_mut(), &failing).await;
    assert_eq!(failure.class, FailureClass::Data);
    assert_eq!(failure.code.as_deref(), Some("1062"));
    assert_eq!(failure.left, Left::Nothing);
    let place = failure.place.clone().unwrap();
    assert_eq!((place.statement, place.line), (2, 3));
    assert_eq!(stage.count("t").await, "0");
    let survey = session.survey().await.unwrap();
    assert!(survey.history.is_empty());
    assert_eq!(survey.steps[0].state, StepState::Failed);
    assert_eq!(survey.steps[0].failure.as_ref(), Some(&failure));
    assert_eq!(session.settle(&failing).await.unwrap(), Settled::Failed(failure));
    succeed(session.as_mut(), &job("1", &["INSERT INTO t VALUES (1)"])).await;
    assert!(session.survey().await.unwrap().steps.is_empty());
    assert_eq!(session.settle(&failing).await.unwrap(), Settled::Applied);
});

on_both!(a_failed_file_with_ddl_resumes_at_the_statement_that_is_open(stage, shared) {
    let mut session = stage.ready().await;
    let bad = job("1", &["CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1)", "ALTER TABLE t ADD COLUMN a int", "INSERT INTO t VALUES (2)"]);
    let failure = fail(session.as_mut(), &bad).await;
    assert_eq!(failure.left, Left::Partial { done: 2, total: 4 });
    assert_eq!(failure.class, FailureClass::Conflict);
    assert_eq!(stage.count("t").await, "1");
    let edited = job("1", &["CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1)", "ALTER TABLE t ADD COLUMN b int", "INSERT INTO t VALUES (2, 2)"]);
    succeed(session.as_mut(), &edited).await;
    assert_eq!(stage.count("t").await, "2");
    let survey = session.survey().await.unwrap();
    assert_eq!(survey.history.len(), 1);
    assert_eq!(survey.steps[0].state, StepState::Applied);
});

on_both!(an_edited_file_is_refused_where_what_ran_is_no_longer_in_it(stage, shared) {
    let mut session = stage.ready().await;
    fail(session.as_mut(), &job("1", &["CREATE TABLE t (a int)", "ALTER TABLE nope ADD b int"])).await;
    let failure = fail(session.as_mut(), &job("1", &["CREATE TABLE t (a bigint)", "SELECT 1"])).await;
    assert_eq!(failure.class, FailureClass::Refused);
    assert!(failure.message.contains("statement 1"), "{}", failure.message);
    assert_eq!(failure.left, Left::Partial { done: 1, total: 2 });
});

on_both!(a_syntax_error_points_at_its_line_and_column(stage, shared) {
    let mut session = stage.ready().await;
    let failure = fail(session.as_mut(), &job("1", &["SELECT 1", "SELECT a,\n  b\n  FORM t"])).await;
    assert_eq!(failure.class, FailureClass::Syntax);
    let place = failure.place.unwrap();
    assert_eq!((place.statement, place.line, place.column), (2, 5, Some(8)), "{}", failure.message);
    assert_eq!(place.script, "V1__step_1.sql");
});

on_both!(an_insert_that_a_failing_alter_committed_is_not_run_twice(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    let mut session = stage.ready().await;
    let file = ["INSERT INTO t VALUES (1)", "ALTER TABLE t ADD COLUMN a int"];
    let failure = fail(session.as_mut(), &as_transaction(job("1", &file))).await;
    assert_eq!(failure.left, Left::Partial { done: 1, total: 2 });
    assert_eq!(stage.count("t").await, "1");
    succeed(session.as_mut(), &job("1", &[file[0], "ALTER TABLE t ADD COLUMN b int"])).await;
    assert_eq!(stage.count("t").await, "1");
});

on_both!(a_hidden_commit_is_noticed_and_the_rest_runs_statement_by_statement(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    let mut session = stage.ready().await;
    let file = ["INSERT INTO t VALUES (1)", "CREATE TABLE u (a int)", "INSERT INTO t VALUES (2)"];
    let applied = succeed(session.as_mut(), &as_transaction(job("1", &file))).await;
    assert!(applied.warnings.iter().any(|w| w.contains("statement 2")), "{:?}", applied.warnings);
    assert_eq!(stage.count("t").await, "2");
    assert_eq!(session.survey().await.unwrap().steps[0].statements_done, 3);
});

on_both!(a_procedure_that_commits_inside_is_counted_once(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    stage.run("CREATE PROCEDURE half() BEGIN INSERT INTO t VALUES (1); CREATE TABLE IF NOT EXISTS made (a int); INSERT INTO nope VALUES (2); END").await;
    stage.run("CREATE PROCEDURE whole() BEGIN INSERT INTO t VALUES (10); CREATE TABLE IF NOT EXISTS made (a int); INSERT INTO t VALUES (11); END").await;
    stage.run("CREATE PROCEDURE plain() BEGIN INSERT INTO t VALUES (20); INSERT INTO nope VALUES (21); END").await;
    let mut session = stage.ready().await;
    let failure = fail(session.as_mut(), &job("1", &["INSERT INTO t VALUES (0)", "CALL half()"])).await;
    assert!(failure.message.contains("a part of its work may stand"), "{}", failure.message);
    assert_eq!(failure.left, Left::Partial { done: 1, total: 2 });
    assert_eq!(stage.count("t").await, "2");
    succeed(session.as_mut(), &job("1", &["INSERT INTO t VALUES (0)", "CALL whole()"])).await;
    assert_eq!(stage.count("t").await, "4");
    let failure = fail(session.as_mut(), &job("2", &["CALL plain()"])).await;
    assert_eq!(failure.left, Left::Nothing);
    assert_eq!(stage.count("t").await, "4");
});

on_both!(a_file_s_own_transaction_carries_its_step_row(stage, shared) {
    stage.run("CREATE TABLE t (a int PRIMARY KEY)").await;
    let mut session = stage.ready().await;
    let file = |last: &'static str| job("1", &["BEGIN", "INSERT INTO t VALUES (1)", "COMMIT", "BEGIN", "INSERT INTO t VALUES (2)", last, "COMMIT"]);
    let failure = fail(session.as_mut(), &file("INSERT INTO t VALUES (1)")).await;
    assert_eq!(failure.left, Left::Partial { done: 3, total: 7 });
    assert_eq!(stage.count("t").await, "1");
    succeed(session.as_mut(), &file("INSERT INTO t VALUES (3)")).await;
    assert_eq!(stage.count("t").await, "3");
    let rolled = job("2", &["START TRANSACTION", "INSERT INTO t VALUES (9)", "ROLLBACK", "INSERT INTO t VALUES (4)"]);
    succeed(session.as_mut(), &rolled).await;
    assert_eq!(stage.count("t").await, "4");
    let open_end = succeed(session.as_mut(), &job("3", &["BEGIN", "INSERT INTO t VALUES (5)"])).await;
    assert!(open_end.warnings.iter().any(|w| w.contains("own transaction")));
    assert_eq!(stage.count("t").await, "5");
});

on_both!(a_file_that_turns_autocommit_off_commits_when_it_says_so(stage, shared) {
    stage.run("CREATE TABLE t (a int PRIMARY KEY)").await;
    let mut session = stage.ready().await;
    let file = job("1", &["SET autocommit = 0", "INSERT INTO t VALUES (1)", "ROLLBACK", "INSERT INTO t VALUES (2)", "COMMIT", "SET autocommit = 1"]);
    succeed(session.as_mut(), &file).await;
    assert_eq!(stage.value("SELECT GROUP_CONCAT(a) FROM t").await.as_deref(), Some("2"));
    succeed(session.as_mut(), &job("2", &["INSERT INTO t VALUES (3)"])).await;
    assert_eq!(stage.count("t").await, "2");
});

on_both!(a_dump_that_locks_its_tables_is_applied_and_resumed(stage, shared) {
    let mut session = stage.ready().await;
    let file = |bad: &'static str| job("1", &[
        "CREATE TABLE t (a int PRIMARY KEY)", "LOCK TABLES t WRITE", "INSERT INTO t VALUES (1)", bad, "UNLOCK TABLES", "INSERT INTO t VALUES (9)",
    ]);
    let failure = fail(session.as_mut(), &file("INSERT INTO t VALUES (1)")).await;
    assert_eq!(failure.left, Left::Partial { done: 3, total: 6 });
    succeed(session.as_mut(), &file("INSERT INTO t VALUES (2)")).await;
    assert_eq!(stage.count("t").await, "3");
});

on_both!(what_a_file_sets_ends_with_it(stage, shared) {
    let mut session = stage.ready().await;
    succeed(session.as_mut(), &job("1", &["SET sql_mode = ''", "SET NAMES latin1", "SET foreign_key_checks = 0", "SELECT 1"])).await;
    stage.run("CREATE TABLE t (a tinyint)").await;
    let failure = fail(session.as_mut(), &job("2", &["INSERT INTO t VALUES (1000)"])).await;
    assert_eq!((failure.class, failure.code.as_deref()), (FailureClass::Data, Some("1264")));
});

on_both!(a_file_that_lets_go_of_the_lock_leaves_no_history(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    let mut session = stage.ready().await;
    let failure = fail(session.as_mut(), &job("1", &["INSERT INTO t VALUES (1)", "DO RELEASE_ALL_LOCKS()"])).await;
    assert_eq!(failure.class, FailureClass::Refused);
    assert_eq!(stage.count("t").await, "0");
    assert!(session.survey().await.unwrap().history.is_empty());
    let without = apply(session.as_mut(), &job("1", &["SELECT 1"])).await;
    assert!(matches!(without, Attempt::Failed(f) if f.class == FailureClass::Refused));
});

on_both!(a_file_of_the_client_s_machine_is_refused_before_anything_runs(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    let mut session = stage.ready().await;
    let failure = fail(session.as_mut(), &job("1", &["INSERT INTO t VALUES (1)", "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t"])).await;
    assert_eq!(failure.class, FailureClass::Refused);
    assert_eq!(failure.place.unwrap().statement, 2);
    assert_eq!(stage.count("t").await, "0");
    succeed(session.as_mut(), &job("2", &["INSERT INTO t VALUES (1)"])).await;
});

on_both!(a_statement_larger_than_the_server_takes_is_refused_before_it_is_sent(stage, private) {
    stage.run("CREATE TABLE t (a longtext)").await;
    stage.run("SET GLOBAL max_allowed_packet = 1048576").await;
    let mut session = stage.ready().await;
    let large = format!("INSERT INTO t VALUES ('{}')", "x".repeat(1_100_000));
    let failure = fail(session.as_mut(), &job("1", &[&large])).await;
    assert!(failure.message.contains("max_allowed_packet"), "{}", failure.message);
    assert!(failure.hint.is_some());
    succeed(session.as_mut(), &job("1", &["INSERT INTO t VALUES ('x')"])).await;
});

on_both!(set_transaction_within_a_transaction_names_its_line_and_what_helps(stage, shared) {
    stage.run("CREATE TABLE t (a int)").await;
    let mut session = stage.ready().await;
    const SET: &str = "SET TRANSACTION ISOLATION LEVEL READ COMMITTED";
    let failure = fail(session.as_mut(), &job("1", &["START TRANSACTION", SET, "INSERT INTO t VALUES (1)", "COMMIT"])).await;
    assert_eq!((failure.class, failure.code.as_deref()), (FailureClass::Syntax, Some("1568")), "{failure:?}");
    let place = failure.place.clone().unwrap();
    assert_eq!((place.statement, place.line), (2, 3), "behind a comment");
    let hint = failure.hint.unwrap();
    assert!(hint.contains("put it first in the file, with `-- greylag:transaction off`"), "{hint}");
    assert_eq!(stage.count("t").await, "0");
    // What it says mends it.
    succeed(session.as_mut(), &job("2", &[SET, "START TRANSACTION", "INSERT INTO t VALUES (1)", "COMMIT"])).await;
    assert_eq!(stage.count("t").await, "1");
});
