//! A file's defaults for transactions end with the file: the next one runs as the session was configured.

use crate::bench::{Bench, applied, failed, ready, stepwise, wrapped};
use greylag_core::{
    outcome::{FailureClass, Left},
    survey::{Role, StepState},
};
use greylag_engines::{HistoryChange, Job, LockAttempt, Session, Target};
use std::sync::Arc;

const READ_ONLY: &str = "SET default_transaction_read_only = on";

/// Writes down what a file's own transaction is like.
const MODES: &str = "CREATE TABLE seen AS SELECT current_setting('transaction_isolation') AS level, \
     current_setting('transaction_read_only') AS ro, current_setting('transaction_deferrable') AS late";

async fn modes(bench: &Bench) -> String {
    bench
        .value("SELECT level || ', ' || ro || ', ' || late FROM seen")
        .await
}

#[tokio::test]
async fn a_read_only_default_ends_with_its_file() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    applied(session.as_mut(), &wrapped("V1", READ_ONLY)).await;
    applied(session.as_mut(), &wrapped("V2", MODES)).await;
    assert_eq!(modes(&bench).await, "read committed, off, off");
    assert_eq!(bench.rows("2").await, "1");
}

#[tokio::test]
async fn other_modes_do_not_leak_silently() {
    for leak in [
        "SET default_transaction_isolation = 'serializable'",
        "SET default_transaction_deferrable = on",
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        // Nothing in the text says that it sets anything.
        "DO $$ BEGIN EXECUTE 'SET default_transaction_' || 'isolation = serializable'; END $$",
    ] {
        for second in [wrapped("V2", MODES), stepwise("V2", MODES), copying()] {
            for first in [wrapped("V1", leak), stepwise("V1", leak)] {
                let Some(bench) = Bench::start().await else {
                    return;
                };
                let mut session = bench.ready().await;
                applied(session.as_mut(), &first).await;
                applied(session.as_mut(), &second).await;
                assert_eq!(modes(&bench).await, "read committed, off, off", "{leak}");
            }
        }
    }
}

#[tokio::test]
async fn the_defaults_of_the_database_and_of_the_session_sql_hold_again() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let name = &bench.database.name;
    let configured =
        format!("ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'");
    bench.admin(&configured).await;
    let target = Target {
        session_sql: Arc::from(["SET default_transaction_deferrable = on".to_owned()]),
        ..bench.target()
    };
    let mut session = ready(&target).await;
    let leak = "SET default_transaction_isolation = 'serializable'; \
         SET default_transaction_deferrable = off; SET default_transaction_read_only = on";
    applied(session.as_mut(), &wrapped("V1", leak)).await;
    applied(session.as_mut(), &wrapped("V2", MODES)).await;
    assert_eq!(modes(&bench).await, "repeatable read, off, on");
}

#[tokio::test]
async fn session_sql_that_writes_is_not_run_under_a_files_default() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench.owner("CREATE TABLE logins (id int)").await;
    let target = Target {
        session_sql: Arc::from(["INSERT INTO logins VALUES (1)".to_owned()]),
        ..bench.target()
    };
    let mut session = ready(&target).await;
    applied(session.as_mut(), &wrapped("V1", READ_ONLY)).await;
    applied(session.as_mut(), &wrapped("V2", MODES)).await;
    assert_eq!(modes(&bench).await, "read committed, off, off");
}

#[tokio::test]
async fn a_file_after_a_leak_may_still_set_its_own_transaction() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    applied(session.as_mut(), &wrapped("V1", READ_ONLY)).await;
    let own = format!("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, DEFERRABLE; {MODES}");
    applied(session.as_mut(), &wrapped("V2", &own)).await;
    assert_eq!(modes(&bench).await, "serializable, off, on");
}

#[tokio::test]
async fn a_failure_after_a_leak_is_remembered() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    applied(session.as_mut(), &wrapped("V1", READ_ONLY)).await;
    let failure = failed(session.as_mut(), &wrapped("V2", "SELECT 1/0")).await;
    assert_eq!(failure.code.as_deref(), Some("22012"), "{failure:?}");
    assert_eq!(state(session.as_mut(), "V2").await, StepState::Failed);
    applied(session.as_mut(), &wrapped("V2", MODES)).await;
}

#[tokio::test]
async fn a_file_that_makes_itself_read_only_is_told_so_and_remembered() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let job = stepwise("V1", &format!("{READ_ONLY};\nCREATE TABLE t (id int)"));
    let failure = failed(session.as_mut(), &job).await;
    assert_eq!(failure.code.as_deref(), Some("25006"), "{failure:?}");
    assert_eq!(failure.class, FailureClass::Refused);
    assert_eq!(failure.left, Left::Partial { done: 1, total: 2 });
    assert_eq!(failure.place.unwrap().line, 2);
    let hint = failure.hint.unwrap();
    assert!(hint.contains("default_transaction_read_only"), "{hint}");
    assert_eq!(state(session.as_mut(), "V1").await, StepState::Failed);
    applied(session.as_mut(), &wrapped("V2", MODES)).await;
}

#[tokio::test]
async fn the_history_can_be_mended_after_a_leak() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    applied(session.as_mut(), &wrapped("V1", READ_ONLY)).await;
    let realign = HistoryChange::Realign {
        installed_rank: 1,
        checksum: Some(5),
        description: "mended".into(),
        kind: "SQL".into(),
    };
    session.change_history(&[realign]).await.unwrap();
    assert_eq!(session.survey().await.unwrap().role, Role::Primary);
}

#[tokio::test]
async fn a_later_look_at_the_shard_sees_it_as_the_session_was_configured() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let leak = format!("CREATE SCHEMA other; SET search_path = other; {READ_ONLY}");
    applied(session.as_mut(), &wrapped("V1", &leak)).await;
    let survey = session.survey().await.unwrap();
    assert_eq!(survey.role, Role::Primary);
    assert!(survey.has_history);
    assert_eq!(survey.history.len(), 1);
    applied(
        session.as_mut(),
        &stepwise("V2", &leak.replace("other", "another")),
    )
    .await;
    assert_eq!(session.try_lock().await.unwrap(), LockAttempt::Held);
    applied(session.as_mut(), &wrapped("V3", MODES)).await;
    assert_eq!(bench.rows("3").await, "1");
}

#[tokio::test]
async fn session_sql_that_fails_behind_a_commit_concerns_the_next_file_only() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench.owner("CREATE TABLE settings (id int)").await;
    let target = Target {
        session_sql: Arc::from(["SELECT count(*) FROM settings".to_owned()]),
        ..bench.target()
    };
    let mut session = ready(&target).await;
    let away = wrapped("V1", "ALTER TABLE settings RENAME TO gone");
    applied(session.as_mut(), &away).await;
    assert_eq!(bench.rows("1").await, "1");
    let failure = failed(session.as_mut(), &wrapped("V2", MODES)).await;
    assert_eq!(failure.code.as_deref(), Some("42P01"), "{failure:?}");
    bench.owner("ALTER TABLE gone RENAME TO settings").await;
    applied(session.as_mut(), &wrapped("V2", MODES)).await;
    assert_eq!(modes(&bench).await, "read committed, off, off");
}

#[tokio::test]
async fn what_a_question_sets_ends_with_it() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let question = "SELECT set_config('default_transaction_isolation', 'serializable', false)";
    session.ask(question).await.unwrap();
    applied(session.as_mut(), &wrapped("V1", MODES)).await;
    assert_eq!(modes(&bench).await, "read committed, off, off");
    session.ask(question).await.unwrap();
    applied(
        session.as_mut(),
        &stepwise(
            "V2",
            "CREATE TABLE later AS SELECT current_setting('transaction_isolation') AS level",
        ),
    )
    .await;
    assert_eq!(
        bench.value("SELECT level FROM later").await,
        "read committed"
    );
}

/// Too much for one message, as COPY with its data is.
fn copying() -> Job {
    let sql = format!("{MODES};\nCREATE TABLE c (id int);\nCOPY c FROM STDIN;\n1\n\\.\n");
    wrapped("V2", &sql)
}

async fn state(session: &mut dyn Session, migration: &str) -> StepState {
    let survey = session.survey().await.unwrap();
    let steps = survey.steps.into_iter();
    let mut of = steps.filter(|step| step.migration.to_string() == migration);
    of.next().expect("a step row").state
}
