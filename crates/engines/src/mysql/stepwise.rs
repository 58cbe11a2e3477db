//! A job statement by statement, for a file in which something commits by itself.
//!
//! Runs of plain DML share a transaction with their step row; before a statement that commits by itself an intent row is
//! committed, and a step row after it; a file's own BEGIN … COMMIT carries the step row inside. Which transaction is open is the
//! server's word after each statement, never an assumption. The last step row and the history row commit together.

use super::{
    apply::{self, End},
    failure, history,
    session::MysqlSession,
    steps::{self, Step},
    walk::Walk,
};
use crate::{
    error::EngineError,
    job::{Applied, Attempt, Job, Progress},
    step,
};
use greylag_core::{
    outcome::{Failure, FailureClass, Left},
    survey::{StepRow, StepState},
};

/// Runs what a job lacks.
pub async fn run(
    session: &mut MysqlSession,
    job: &Job,
    row: Option<StepRow>,
    progress: Progress<'_>,
) -> Result<Applied, End> {
    let hashes = step::hash_all(&job.script);
    let resume = step::resume(row.as_ref(), &hashes).map_err(|changed| {
        let left = Left::Partial {
            done: changed.done as u32,
            total: job.script.statements.len() as u32,
        };
        let mut failure = failure::of_ours(job, FailureClass::Refused, changed.to_string(), left);
        failure.place = failure::place(job, changed.statement - 1, None);
        failure.hint = Some(format!(
            "leave the first {} statements of the file as they ran; what should be different goes behind them or into a new file",
            changed.done
        ));
        Box::new(Attempt::Failed(failure))
    })?;
    let mut walk = Walk::new(session, job, hashes, resume.from, progress);
    walk.restore(resume.from).await?;
    walk.go(resume.from).await
}

/// Goes on after statement `next - 1`, which ended the transaction that was to hold the whole file.
pub async fn take_over(
    session: &mut MysqlSession,
    job: &Job,
    next: usize,
    progress: Progress<'_>,
) -> Result<Applied, End> {
    let hashes = step::hash_all(&job.script);
    let mut walk = Walk::new(session, job, hashes, 0, progress);
    walk.warnings.push(format!(
        "statement {next} committed what was to be one transaction; the rest ran statement by statement"
    ));
    walk.record(next).await?;
    walk.go(next).await
}

/// Whether nothing of a job is left to run.
pub fn is_complete(job: &Job, row: &StepRow) -> bool {
    row.statements_done as usize == job.script.statements.len()
        && row.hashes == step::hash_all(&job.script)
}

/// Writes the last step and the history row of a job whose statements are all done. False if the lock is not ours.
pub async fn close(session: &mut MysqlSession, job: &Job) -> Result<bool, EngineError> {
    let doing = "writing the history row";
    let hashes = step::hash_all(&job.script);
    let sql = format!(
        "START TRANSACTION; {}",
        closing_sql(session, job, &hashes, 0)
    );
    let mut answers = Vec::new();
    let outcome = session.link.run_all(sql, &mut answers).await;
    let written = outcome.is_ok() && answers.last().is_some_and(|a| a.affected == 1);
    let end = session
        .link
        .run(if written { "COMMIT" } else { "ROLLBACK" })
        .await;
    outcome.map_err(|t| session.link.refused(t, doing))?;
    end.map_err(|t| session.link.refused(t, doing))?;
    Ok(written)
}

/// Remembers a failure, so that `status` shows it, and commits what stands with it. One that is merely tried again and left
/// nothing is not worth a row of its own.
pub async fn remember(
    session: &mut MysqlSession,
    job: &Job,
    done: usize,
    failure: &Failure,
) -> Result<(), End> {
    let transient = failure.class.is_transient();
    if transient && done == 0 && failure.left == Left::Nothing {
        let sql = steps::close_intent_sql(&session.names, &job.migration);
        return note(session, job, sql).await;
    }
    let hashes = step::hash_all(&job.script);
    let row = Step {
        state: StepState::Failed,
        done,
        hashes: &hashes,
        intent: None,
        failure: Some(failure),
    };
    let mut sql = steps::write_sql(&session.names, job, &row);
    if let Some(failed) = history::failed_sql(session, job) {
        sql = format!("{sql}; {failed}");
    }
    // The transaction may still be open: the statement's own failure ended it alone, or the file has turned autocommit off.
    note(session, job, format!("{sql}; COMMIT")).await
}

async fn note(session: &mut MysqlSession, job: &Job, sql: String) -> Result<(), End> {
    let written = session.link.run_all(sql, &mut Vec::new()).await;
    written.map_err(|t| apply::of_trouble(session, job, t, "writing greylag_step"))
}

/// The last step row and the history row.
pub fn closing_sql(session: &MysqlSession, job: &Job, hashes: &[String], millis: u64) -> String {
    let row = Step {
        state: StepState::Applied,
        done: hashes.len(),
        hashes,
        intent: None,
        failure: None,
    };
    format!(
        "{}; {}",
        steps::write_sql(&session.names, job, &row),
        history::insert_sql(session, job, millis)
    )
}
