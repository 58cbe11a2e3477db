//! Runs jobs: decides between one transaction and statement by statement, and sets the session up for each.

use super::{
    afresh, failure, image,
    link::{Answer, Trouble},
    lock, open,
    session::MysqlSession,
    settle, steps, stepwise, touched, transaction,
    verb::{self, Verb},
};
use crate::{
    error::EngineError,
    job::{Applied, Attempt, Job, Note, Progress},
    session::Cancel,
    step,
};
use greylag_core::{
    outcome::{Doubt, Failure, FailureClass, Left},
    script::{RunMode, Tx, TxControl},
    survey::{StepRow, StepState},
};
use mysql_async::ServerError;
use std::{borrow::Cow, time::Instant};

/// What a way of running jobs ends with, when it ends early.
pub type End = Box<Attempt>;

/// Warnings kept of one attempt.
const WARNINGS: usize = 20;

/// Under the lock: runs the jobs, all in one transaction where they are several that can share one.
pub async fn apply(session: &mut MysqlSession, jobs: &[Job], progress: Progress<'_>) -> Attempt {
    let started = Instant::now();
    let share = jobs.len() > 1 && jobs.iter().all(is_one_transaction);
    let mut total = Applied {
        millis: 0,
        position: None,
        warnings: Vec::new(),
    };
    let groups: Vec<&[Job]> = match share {
        true => vec![jobs],
        false => jobs.chunks(1).collect(),
    };
    for group in groups {
        match run(session, group, progress).await {
            Ok(applied) => {
                total.position = applied.position.or(total.position);
                total.warnings.extend(applied.warnings);
            }
            Err(end) => return *end,
        }
    }
    total.millis = started.elapsed().as_millis() as u64;
    Attempt::Applied(total)
}

/// Jobs of one transaction, or one job.
async fn run(
    session: &mut MysqlSession,
    jobs: &[Job],
    progress: Progress<'_>,
) -> Result<Applied, End> {
    let mut rows = Vec::new();
    for job in jobs {
        refuse_unable(job)?;
        rows.push(begin(session, job).await?);
    }
    let resumes = rows
        .iter()
        .flatten()
        .any(|row| row.statements_done > 0 || row.intent.is_some());
    if jobs.iter().all(is_one_transaction) && !resumes {
        return transaction::run(session, jobs, progress).await;
    }
    let mut last = Err(ours(
        &jobs[0],
        FailureClass::Other,
        "there is nothing to run".into(),
        Left::Nothing,
    ));
    for (job, row) in jobs.iter().zip(rows) {
        let row = settled(session, job, row, progress).await?;
        last = stepwise::run(session, job, row, progress).await;
        match &last {
            Ok(applied) => told(progress, job, applied.millis),
            Err(_) => break,
        }
    }
    last
}

/// Whether a job runs as one transaction: asked for, and nothing in it is known to commit by itself.
fn is_one_transaction(job: &Job) -> bool {
    matches!(job.mode, RunMode::Transaction)
        && job.script.statements.iter().all(|statement| {
            let can = matches!(
                statement.tx,
                Tx::Can | Tx::Control(TxControl::Savepoint) | Tx::Ineffective(_)
            );
            can && !matches!(
                verb::verb(job.script.sql(statement)),
                Verb::Call | Verb::LockTables | Verb::UnlockTables
            )
        })
}

/// What no session here can run is refused before anything is touched.
fn refuse_unable(job: &Job) -> Result<(), End> {
    let local = |index: &usize| {
        let statement = &job.script.statements[*index];
        verb::verb(job.script.sql(statement)) == Verb::LoadLocal
    };
    let Some(index) = (0..job.script.statements.len()).find(local) else {
        return Ok(());
    };
    let mut failure = failure::of_ours(
        job,
        FailureClass::Refused,
        "LOAD DATA LOCAL asks for a file of the machine that greylag runs on".into(),
        Left::Nothing,
    );
    failure.place = failure::place(job, index, None);
    failure.hint =
        Some("write the rows as INSERT, or load them with a client of the server's own".into());
    Err(Box::new(Attempt::Failed(failure)))
}

/// Sets the session up for a job and reads how far it has come.
async fn begin(session: &mut MysqlSession, job: &Job) -> Result<Option<StepRow>, End> {
    afresh::renew(session).await.map_err(|e| of_error(job, e))?;
    afresh::remember(session)
        .await
        .map_err(|e| of_error(job, e))?;
    let mut packet = vec![format!(
        "SET SESSION {}",
        open::lock_timeouts(job.limits.lock_timeout)
    )];
    packet.push(format!("SELECT {}", lock::held_condition(session)));
    packet.push(steps::one_sql(&session.names, &job.migration));
    session.dirty = true;
    let mut answers = Vec::new();
    let outcome = session
        .link
        .run_all(packet.join("\n; "), &mut answers)
        .await;
    outcome.map_err(|t| of_trouble(session, job, t, "setting the session up"))?;
    let rows = answers.pop().unwrap_or_default().rows;
    let held = answers.pop().unwrap_or_default().rows;
    if held
        .first()
        .and_then(|r| r.first().cloned().flatten())
        .as_deref()
        != Some("1")
    {
        return Err(ours(
            job,
            FailureClass::Refused,
            "the shard's lock is not held by this session".into(),
            Left::Nothing,
        ));
    }
    let row = rows
        .first()
        .map(|row| steps::read(session, row))
        .transpose();
    let row = row.map_err(|e| of_error(job, e))?;
    // Where the file no longer fits what stands, nothing runs, and the failure is still what there is to know.
    let goes_on = |row: &StepRow| {
        row.state == StepState::Failed
            && step::resume(Some(row), &step::hash_all(&job.script)).is_ok()
    };
    if row.as_ref().is_some_and(goes_on) {
        let sql = steps::reopen_sql(&session.names, &job.migration);
        let reopened = session.link.run(sql).await;
        reopened.map_err(|t| of_trouble(session, job, t, "writing greylag_step"))?;
    }
    Ok(row)
}

/// An intent that nobody has settled is settled before anything runs.
async fn settled(
    session: &mut MysqlSession,
    job: &Job,
    row: Option<StepRow>,
    progress: Progress<'_>,
) -> Result<Option<StepRow>, End> {
    let Some(StepRow {
        intent: Some(_), ..
    }) = &row
    else {
        return Ok(row);
    };
    let row = row.unwrap_or_else(|| unreachable!("matched above"));
    let settled = settle::intent(session, job, &row).await;
    for text in session.notes.drain(..) {
        progress(Note::Warning {
            migration: job.migration.clone(),
            text,
        });
    }
    match settled {
        Ok(settle::Seen::Open(row)) => Ok(Some(*row)),
        Ok(settle::Seen::Unclear(doubt)) => Err(Box::new(Attempt::Unknown(doubt))),
        Err(error) => Err(of_error(job, error)),
    }
}

/// Runs a statement of the file, ending it on the server when its time is up.
pub async fn statement(
    session: &mut MysqlSession,
    job: &Job,
    index: usize,
) -> Result<Answer, Trouble> {
    statement_text(session, job, job.script.sql(&job.script.statements[index])).await
}

/// Runs a statement of the file as it is told to the server.
pub async fn statement_text(
    session: &mut MysqlSession,
    job: &Job,
    sql: &str,
) -> Result<Answer, Trouble> {
    if sql.len() as u64 + 64 > session.max_packet {
        return Err(Trouble::Server(ServerError {
            code: 1153,
            state: "08S01".into(),
            message: format!(
                "the statement is {} bytes long, and the server takes {} (max_allowed_packet)",
                sql.len(),
                session.max_packet
            ),
        }));
    }
    let sql = named(session, sql).into_owned();
    let Some(limit) = job.limits.statement_timeout else {
        return session.link.run(sql).await;
    };
    let switch = session.kill_switch();
    let running = session.link.run(sql);
    tokio::pin!(running);
    tokio::select! {
        answer = &mut running => return answer,
        () = tokio::time::sleep(limit) => {}
    }
    if let Err(error) = switch.cancel().await {
        tracing::warn!(%error, "a statement past its time could not be ended");
    }
    running.await
}

/// The statement with the session's name before it, for whoever looks at the server's list of processes. Not before stored
/// programs, whose text the server keeps.
fn named<'a>(session: &MysqlSession, sql: &'a str) -> Cow<'a, str> {
    let plain = sql.len() > 1 << 20 || verb::verb(sql) == Verb::CreateProgram;
    match plain {
        true => Cow::Borrowed(sql),
        false => format!(
            "/* {} */ {sql}",
            session.target.application.replace("*/", "")
        )
        .into(),
    }
}

/// Keeps the server's warnings about the last statement.
pub async fn keep_warnings(
    session: &mut MysqlSession,
    answer: &Answer,
    warnings: &mut Vec<String>,
) -> Result<(), Trouble> {
    if answer.warnings == 0 || warnings.len() >= WARNINGS {
        return Ok(());
    }
    let shown = session.link.run("SHOW WARNINGS").await?;
    for row in shown.rows.into_iter().take(WARNINGS - warnings.len()) {
        if let [Some(level), Some(code), Some(message), ..] = row.as_slice() {
            warnings.push(format!("{level} {code}: {message}"));
        }
    }
    Ok(())
}

pub fn note(progress: Progress<'_>, job: &Job, done: usize) {
    progress(Note::Statement {
        migration: job.migration.clone(),
        done: done as u32,
        total: job.script.statements.len() as u32,
    });
}

pub fn told(progress: Progress<'_>, job: &Job, millis: u64) {
    progress(Note::Applied {
        migration: job.migration.clone(),
        millis,
    });
}

/// The answer was lost.
pub fn lost(job: &Job, index: Option<usize>, what: &str, source: &dyn std::error::Error) -> End {
    Box::new(Attempt::Unknown(Doubt {
        migration: Some(job.migration.clone()),
        place: index.and_then(|index| failure::place(job, index, None)),
        why: format!("the connection was lost {what}: {source}"),
        needs_person: false,
    }))
}

/// A refusal or failure of our own making.
pub fn ours(job: &Job, class: FailureClass, message: String, left: Left) -> End {
    Box::new(Attempt::Failed(failure::of_ours(job, class, message, left)))
}

/// Trouble with our own rows.
pub fn of_trouble(session: &MysqlSession, job: &Job, trouble: Trouble, doing: &'static str) -> End {
    of_error(job, session.link.refused(trouble, doing))
}

pub fn of_error(job: &Job, error: EngineError) -> End {
    match error {
        EngineError::Lost { doing, source, .. } => {
            lost(job, None, &format!("while {doing}"), source.as_ref())
        }
        EngineError::Server {
            class,
            code,
            message,
            hint,
            doing,
            ..
        } => Box::new(Attempt::Failed(Failure {
            code,
            hint,
            ..failure::of_ours(job, class, format!("{doing}: {message}"), Left::Nothing)
        })),
        other => ours(job, FailureClass::Refused, other.to_string(), Left::Nothing),
    }
}

/// The intent that a transaction writes of itself: seen from outside, it tells that something committed half-way.
pub fn canary(job: &Job, index: usize) -> greylag_core::survey::Intent {
    let before = image::Before {
        rule: touched::Rule::Transaction,
        seen: Vec::new(),
        tool: None,
    };
    intent(job, index, &before)
}

pub fn intent(job: &Job, index: usize, before: &image::Before) -> greylag_core::survey::Intent {
    let sql = job
        .script
        .statements
        .get(index)
        .map(|s| job.script.sql(s))
        .unwrap_or_default();
    greylag_core::survey::Intent {
        statement: index as u32,
        hash: step::hash(sql),
        before: serde_json::to_value(before).unwrap_or_default(),
    }
}
