//! Jobs of plain DML: their statements and history rows in one transaction.
//!
//! The transaction begins by writing a step row that its end takes away again. If anything in the file ends the transaction early,
//! that row is there for all to see: "nothing commits half-way" is looked at, not assumed.

use super::{
    apply::{self, End},
    failure, history,
    link::Trouble,
    place,
    session::MysqlSession,
    steps::{self, Step},
    stepwise,
};
use crate::{
    job::{Applied, Attempt, Job, Progress},
    step,
};
use greylag_core::{
    outcome::{Failure, FailureClass, Left},
    survey::StepState,
};
use mysql_async::ServerError;
use std::time::Instant;

pub async fn run(
    session: &mut MysqlSession,
    jobs: &[Job],
    progress: Progress<'_>,
) -> Result<Applied, End> {
    let started = Instant::now();
    let mut warnings = Vec::new();
    let begun = session.link.run("START TRANSACTION").await;
    begun.map_err(|t| apply::of_trouble(session, &jobs[0], t, "beginning the transaction"))?;
    let mut millis = Vec::new();
    for job in jobs {
        let at = Instant::now();
        if let Some(applied) =
            statements(session, job, jobs.len() == 1, &mut warnings, progress).await?
        {
            return Ok(applied);
        }
        millis.push(at.elapsed().as_millis() as u64);
        write_history(session, job, at.elapsed().as_millis() as u64).await?;
    }
    let last = &jobs[jobs.len() - 1];
    let position = match session.link.in_transaction() {
        Some(true) => place::commit(session).await,
        _ => {
            return Err(apply::ours(
                last,
                FailureClass::Other,
                "the transaction ended before its COMMIT".into(),
                Left::Nothing,
            ));
        }
    };
    match position {
        Ok(position) => {
            for (job, millis) in jobs.iter().zip(millis) {
                apply::told(progress, job, millis);
            }
            Ok(Applied {
                millis: started.elapsed().as_millis() as u64,
                position,
                warnings,
            })
        }
        Err(Trouble::Lost(source)) => {
            Err(apply::lost(last, None, "during COMMIT", source.as_ref()))
        }
        Err(Trouble::Server(error)) => {
            let index = last.script.statements.len().saturating_sub(1);
            Err(failed(session, last, index, error).await)
        }
    }
}

/// Runs a job's statements. If one of them ended the transaction, the rest runs statement by statement, and its end is returned.
async fn statements(
    session: &mut MysqlSession,
    job: &Job,
    alone: bool,
    warnings: &mut Vec<String>,
    progress: Progress<'_>,
) -> Result<Option<Applied>, End> {
    let hashes = step::hash_all(&job.script);
    let canary = apply::canary(job, 0);
    let row = Step {
        state: StepState::Running,
        done: 0,
        hashes: &hashes,
        intent: Some(&canary),
        failure: None,
    };
    let written = session
        .link
        .run(steps::write_sql(&session.names, job, &row))
        .await;
    written.map_err(|t| apply::of_trouble(session, job, t, "writing greylag_step"))?;
    for index in 0..job.script.statements.len() {
        let answer = match apply::statement(session, job, index).await {
            Ok(answer) => answer,
            Err(Trouble::Lost(source)) => {
                return Err(apply::lost(
                    job,
                    Some(index),
                    "while a statement ran",
                    source.as_ref(),
                ));
            }
            Err(Trouble::Server(error)) => return Err(failed(session, job, index, error).await),
        };
        let open = session.link.in_transaction() == Some(true);
        let kept = apply::keep_warnings(session, &answer, warnings).await;
        kept.map_err(|t| apply::of_trouble(session, job, t, "reading warnings"))?;
        apply::note(progress, job, index + 1);
        if !open {
            if !alone {
                let message = format!(
                    "statement {} ended the transaction that several migrations share",
                    index + 1
                );
                return Err(apply::ours(
                    job,
                    FailureClass::Refused,
                    message,
                    Left::Nothing,
                ));
            }
            let applied = stepwise::take_over(session, job, index + 1, progress).await?;
            apply::told(progress, job, applied.millis);
            return Ok(Some(applied));
        }
    }
    Ok(None)
}

/// The history row in place of the step row; neither, if the shard's lock has gone.
async fn write_history(session: &mut MysqlSession, job: &Job, millis: u64) -> Result<(), End> {
    let sql = format!(
        "{}; {}",
        steps::forget_sql(&session.names, &job.migration),
        history::insert_sql(session, job, millis)
    );
    let mut answers = Vec::new();
    let outcome = session.link.run_all(sql, &mut answers).await;
    match outcome {
        Ok(()) if answers.last().is_some_and(|a| a.affected == 1) => Ok(()),
        Ok(()) => {
            let undone = session.link.run("ROLLBACK").await;
            undone.map_err(|t| apply::of_trouble(session, job, t, "rolling back"))?;
            Err(lock_gone(job, Left::Nothing))
        }
        Err(Trouble::Lost(source)) => Err(apply::lost(job, None, "before COMMIT", source.as_ref())),
        Err(Trouble::Server(error)) => {
            let index = job.script.statements.len().saturating_sub(1);
            Err(failed(session, job, index, error).await)
        }
    }
}

pub fn lock_gone(job: &Job, left: Left) -> End {
    let mut failure = failure::of_ours(
        job,
        FailureClass::Refused,
        "the shard's lock was lost while the migration ran, so its history row was not written"
            .into(),
        left,
    );
    failure.hint = Some("a file must not call RELEASE_LOCK or RELEASE_ALL_LOCKS; otherwise look for who ended the lock".into());
    Box::new(Attempt::Failed(failure))
}

/// After a server's error: rolls back, looks whether anything had committed before, and remembers the failure.
async fn failed(session: &mut MysqlSession, job: &Job, index: usize, error: ServerError) -> End {
    match after_error(session, job, index, &error).await {
        Ok(failure) => Box::new(Attempt::Failed(failure)),
        Err(end) => end,
    }
}

async fn after_error(
    session: &mut MysqlSession,
    job: &Job,
    index: usize,
    error: &ServerError,
) -> Result<Failure, End> {
    let mut failure = failure::of_statement(job, index, error, Left::Nothing);
    let trouble = |session: &MysqlSession, t| apply::of_trouble(session, job, t, "rolling back");
    let open = session
        .link
        .ask_transaction()
        .await
        .map_err(|t| trouble(session, t))?;
    let mut done = 0;
    if open {
        let answer = session
            .link
            .run("ROLLBACK")
            .await
            .map_err(|t| trouble(session, t))?;
        if answer.warnings > 0 {
            failure.message.push_str(
                "; a table without transactions (MyISAM, Aria) was written before, and what was written there stays",
            );
        }
    } else if steps::find(session, &job.migration)
        .await
        .map_err(|e| apply::of_error(job, e))?
        .is_some_and(|row| row.intent.is_some())
    {
        // The step row of the transaction is to be seen outside: what came before has committed.
        done = index;
        failure.left = Left::Partial {
            done: index as u32,
            total: job.script.statements.len() as u32,
        };
    }
    stepwise::remember(session, job, done, &failure).await?;
    Ok(failure)
}
