//! Rows of `greylag_step`: how far a migration has come that can't be one transaction.

use super::{
    history,
    link::{Row, Trouble},
    names::Names,
    quote,
    session::MysqlSession,
};
use crate::{
    error::EngineError,
    job::Job,
    step::{self, StepColumns},
};
use greylag_core::{
    migration::MigrationId,
    outcome::Failure,
    survey::{Intent, StepRow, StepState},
};

const COLUMNS: &str =
    "migration, state, rollout, epoch, statements_done, statements_total, hashes, intent, failure";

/// What is written of a job's progress.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    pub state: StepState,
    pub done: usize,
    /// Of all the file's statements; the first `done` of them are written.
    pub hashes: &'a [String],
    pub intent: Option<&'a Intent>,
    pub failure: Option<&'a Failure>,
}

/// All rows of this project.
pub fn all_sql(names: &Names) -> String {
    format!(
        "SELECT {COLUMNS} FROM {} WHERE project = {}",
        names.step,
        names.project()
    )
}

/// The row of one migration.
pub fn one_sql(names: &Names, migration: &MigrationId) -> String {
    format!(
        "SELECT {COLUMNS} FROM {} WHERE {}",
        names.step,
        key(names, migration)
    )
}

pub fn read(session: &MysqlSession, row: &Row) -> Result<StepRow, EngineError> {
    let text = |at: usize| row.get(at).cloned().flatten();
    let column = |at: usize| text(at).unwrap_or_default();
    let columns = StepColumns {
        migration: column(0),
        state: column(1),
        rollout: column(2),
        epoch: column(3),
        statements_done: column(4),
        statements_total: column(5),
        hashes: column(6),
        intent: text(7),
        failure: text(8),
    };
    step::decode(&columns).map_err(|error| EngineError::Foreign {
        address: session.target.address(),
        what: "a row of greylag_step".into(),
        why: error.to_string(),
    })
}

/// Writes the row, whether it is there or not.
pub fn write_sql(names: &Names, job: &Job, step: &Step<'_>) -> String {
    let done = step.done.min(step.hashes.len());
    let set = [
        ("checksum", quote::number(job.checksum)),
        ("state", quote::text(step::state(step.state))),
        ("rollout", quote::text(&quote::shorten(&job.rollout, 64))),
        ("epoch", job.epoch.to_string()),
        ("statements_done", step.done.to_string()),
        ("statements_total", job.script.statements.len().to_string()),
        ("hashes", quote::text(&step::hashes(&step.hashes[..done]))),
        (
            "intent",
            quote::nullable(step.intent.map(step::intent).as_deref()),
        ),
        (
            "failure",
            quote::nullable(step.failure.map(step::failure).as_deref()),
        ),
    ];
    let columns: Vec<&str> = set.iter().map(|(column, _)| *column).collect();
    let values: Vec<&str> = set.iter().map(|(_, value)| value.as_str()).collect();
    let update: Vec<String> = columns
        .iter()
        .map(|c| format!("{c} = VALUES({c})"))
        .collect();
    format!(
        "INSERT INTO {} (project, migration, {}) VALUES ({}, {}, {}) ON DUPLICATE KEY UPDATE {}, updated_at = CURRENT_TIMESTAMP",
        names.step,
        columns.join(", "),
        names.project(),
        quote::text(&job.migration.to_string()),
        values.join(", "),
        update.join(", "),
    )
}

pub fn forget_sql(names: &Names, migration: &MigrationId) -> String {
    format!("DELETE FROM {} WHERE {}", names.step, key(names, migration))
}

/// Marks so many statements done and closes the intent.
pub fn settle_sql(names: &Names, migration: &MigrationId, done: u32, hashes: &[String]) -> String {
    format!(
        "UPDATE {} SET state = 'running', statements_done = {done}, hashes = {}, intent = NULL, failure = NULL, \
         updated_at = CURRENT_TIMESTAMP WHERE {}",
        names.step,
        quote::text(&step::hashes(hashes)),
        key(names, migration)
    )
}

/// Reads the row of one migration.
pub async fn find(
    session: &mut MysqlSession,
    migration: &MigrationId,
) -> Result<Option<StepRow>, EngineError> {
    let sql = one_sql(&session.names, migration);
    let answer = match session.link.run(sql).await {
        Err(Trouble::Server(error)) if error.code == history::MISSING => return Ok(None),
        other => other.map_err(|t| session.link.refused(t, "reading greylag_step"))?,
    };
    answer
        .rows
        .first()
        .map(|row| read(session, row))
        .transpose()
}

/// Closes the intent of an attempt that failed and left nothing; takes the row away if it was that attempt's own.
pub fn close_intent_sql(names: &Names, migration: &MigrationId) -> String {
    let key = key(names, migration);
    let step = &names.step;
    let closed =
        format!("DELETE FROM {step} WHERE statements_done = 0 AND state = 'running' AND {key}");
    // Without its step row, Flyway's mark of an earlier attempt would hold the shard for nothing.
    match history::forget_failed_sql(names, migration) {
        Some(failed) => {
            format!("{closed}; {failed} AND NOT EXISTS (SELECT 1 FROM {step} WHERE {key})")
        }
        None => closed,
    }
}

/// Marks a failed row as under way again: what an attempt leaves behind is its own, not its predecessor's.
pub fn reopen_sql(names: &Names, migration: &MigrationId) -> String {
    format!(
        "UPDATE {} SET state = 'running', failure = NULL, updated_at = CURRENT_TIMESTAMP WHERE {}",
        names.step,
        key(names, migration)
    )
}

fn key(names: &Names, migration: &MigrationId) -> String {
    format!(
        "project = {} AND migration = {}",
        names.project(),
        quote::text(&migration.to_string())
    )
}
