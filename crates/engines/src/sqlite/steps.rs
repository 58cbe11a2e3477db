//! Greylag's progress rows on a connection.

use super::{shard::Shard, tables::STEP};
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
use rusqlite::{Connection, OptionalExtension, Row};

const COLUMNS: &str =
    "migration, state, rollout, CAST(epoch AS TEXT), CAST(statements_done AS TEXT),
    CAST(statements_total AS TEXT), hashes, intent, failure";

/// A job's progress, to be written.
pub(super) struct Progress<'a> {
    pub state: StepState,
    pub hashes: &'a [String],
    pub intent: Option<&'a Intent>,
    pub failure: Option<&'a Failure>,
}

/// All rows of the project.
pub(super) fn read(shard: &Shard) -> Result<Vec<StepRow>, EngineError> {
    let sql = format!("SELECT {COLUMNS} FROM main.{STEP} WHERE project = ?1 ORDER BY migration");
    let refused = shard.refused("reading greylag_step");
    let mut statement = shard.connection.prepare(&sql).map_err(&refused)?;
    let rows: Vec<StepColumns> = statement
        .query_map([&*shard.target.project], columns)
        .and_then(Iterator::collect)
        .map_err(&refused)?;
    rows.iter().map(|row| decode(shard, row)).collect()
}

/// The row of one migration.
pub(super) fn find(shard: &Shard, migration: &MigrationId) -> Result<Option<StepRow>, EngineError> {
    let sql = format!("SELECT {COLUMNS} FROM main.{STEP} WHERE project = ?1 AND migration = ?2");
    let row = shard
        .connection
        .query_row(
            &sql,
            (&*shard.target.project, migration.to_string()),
            columns,
        )
        .optional()
        .map_err(shard.refused("reading greylag_step"))?;
    row.map(|row| decode(shard, &row)).transpose()
}

/// Writes a job's progress over what was there.
pub(super) fn write(
    connection: &Connection,
    project: &str,
    job: &Job,
    progress: &Progress<'_>,
) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO main.{STEP} (project, migration, checksum, state, rollout, epoch, statements_done, statements_total,
                hashes, intent, failure)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (project, migration) DO UPDATE SET checksum = excluded.checksum, state = excluded.state,
                rollout = excluded.rollout, epoch = excluded.epoch, statements_done = excluded.statements_done,
                statements_total = excluded.statements_total, hashes = excluded.hashes, intent = excluded.intent,
                failure = excluded.failure, updated_at = strftime('%Y-%m-%d %H:%M:%f','now')"
    );
    connection.prepare_cached(&sql)?.execute((
        project,
        job.migration.to_string(),
        job.checksum,
        step::state(progress.state),
        &job.rollout,
        i64::try_from(job.epoch).unwrap_or(i64::MAX),
        progress.hashes.len() as i64,
        job.script.statements.len() as i64,
        step::hashes(progress.hashes),
        progress.intent.map(step::intent),
        progress.failure.map(step::failure),
    ))?;
    Ok(())
}

/// Removes the row of one migration.
pub(super) fn forget(
    connection: &Connection,
    project: &str,
    migration: &MigrationId,
) -> rusqlite::Result<()> {
    let sql = format!("DELETE FROM main.{STEP} WHERE project = ?1 AND migration = ?2");
    connection
        .prepare_cached(&sql)?
        .execute((project, migration.to_string()))?;
    Ok(())
}

fn columns(row: &Row<'_>) -> rusqlite::Result<StepColumns> {
    Ok(StepColumns {
        migration: row.get(0)?,
        state: row.get(1)?,
        rollout: row.get(2)?,
        epoch: row.get(3)?,
        statements_done: row.get(4)?,
        statements_total: row.get(5)?,
        hashes: row.get(6)?,
        intent: row.get(7)?,
        failure: row.get(8)?,
    })
}

fn decode(shard: &Shard, columns: &StepColumns) -> Result<StepRow, EngineError> {
    step::decode(columns).map_err(|error| EngineError::Foreign {
        address: shard.address.clone(),
        what: format!("the greylag_step row of {}", columns.migration),
        why: error.to_string(),
    })
}
