//! The rows of the history table on a connection: read, judged for one migration, and written.

use super::{sidecar, tables::Tables};
use crate::{flyway, job::Job};
use greylag_core::{history::HistoryRow, migration::MigrationId, migration::Version};
use rusqlite::{Connection, Row};

/// All rows, in order of rank.
pub(super) fn read(connection: &Connection, tables: &Tables) -> rusqlite::Result<Vec<HistoryRow>> {
    let sql = format!(
        "SELECT installed_rank, version, description, type, script, checksum, installed_by, installed_on,
                execution_time, success
           FROM {} ORDER BY installed_rank",
        tables.history
    );
    let mut statement = connection.prepare(&sql)?;
    statement.query_map([], row)?.collect()
}

/// Whether the newest word of the history about a migration is that this very text of it is there.
pub(super) fn has(rows: &[HistoryRow], job: &Job) -> bool {
    let newest = match &job.migration {
        MigrationId::Versioned(version) | MigrationId::Undo(version) => rows
            .iter()
            .rev()
            .find(|row| version_of(row).as_ref() == Some(version)),
        MigrationId::Repeatable(_) => {
            let description = flyway::description(&job.description);
            rows.iter()
                .rev()
                .find(|row| row.version.is_none() && row.description == description)
        }
    };
    let Some(newest) = newest.filter(|row| row.success) else {
        return false;
    };
    match &job.migration {
        MigrationId::Versioned(_) => !is_undo(newest) && newest.kind != "DELETE",
        MigrationId::Undo(_) => is_undo(newest),
        MigrationId::Repeatable(_) => newest.checksum == job.checksum,
    }
}

/// Adds a job's row at the next rank, in place of one that says it failed.
pub(super) fn add(
    connection: &Connection,
    tables: &Tables,
    job: &Job,
    millis: u64,
) -> rusqlite::Result<()> {
    forget_failed(connection, tables, &job.migration)?;
    insert(connection, tables, job, millis, true)
}

/// Flyway's mark of a migration that failed outside of a transaction, so that Flyway runs nothing over what stands of it; none
/// in a table of ours.
pub(super) fn mark_failed(
    connection: &Connection,
    tables: &Tables,
    job: &Job,
) -> rusqlite::Result<()> {
    if !tables.is_flyways() {
        return Ok(());
    }
    forget_failed(connection, tables, &job.migration)?;
    insert(connection, tables, job, 0, false)
}

/// Takes that mark away again.
pub(super) fn forget_failed(
    connection: &Connection,
    tables: &Tables,
    migration: &MigrationId,
) -> rusqlite::Result<()> {
    if !tables.is_flyways() {
        return Ok(());
    }
    let (about, which) = match migration {
        MigrationId::Versioned(version) => (
            "version = ?1 AND type NOT LIKE 'UNDO%'",
            version.as_str().to_owned(),
        ),
        MigrationId::Undo(version) => (
            "version = ?1 AND type LIKE 'UNDO%'",
            version.as_str().to_owned(),
        ),
        MigrationId::Repeatable(description) => (
            "version IS NULL AND description = ?1",
            flyway::description(description),
        ),
    };
    let sql = format!(
        "DELETE FROM main.{} WHERE NOT success AND {about}",
        tables.history
    );
    connection.execute(&sql, [which])?;
    Ok(())
}

fn insert(
    connection: &Connection,
    tables: &Tables,
    job: &Job,
    millis: u64,
    success: bool,
) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO main.{0} (installed_rank, version, description, type, script, checksum, installed_by,
                execution_time, success)
         SELECT coalesce(max(installed_rank), 0) + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM main.{0}",
        tables.history
    );
    let who = job.installed_by.clone().or_else(sidecar::login);
    connection.prepare_cached(&sql)?.execute((
        flyway::version(&job.migration),
        flyway::description(&job.description),
        flyway::kind(&job.migration),
        flyway::script(&job.script_name),
        job.checksum,
        who.unwrap_or_default(),
        i32::try_from(millis).unwrap_or(i32::MAX),
        success,
    ))?;
    Ok(())
}

fn version_of(row: &HistoryRow) -> Option<Version> {
    row.version.as_ref()?.parse().ok()
}

fn is_undo(row: &HistoryRow) -> bool {
    row.kind.starts_with("UNDO")
}

fn row(row: &Row<'_>) -> rusqlite::Result<HistoryRow> {
    Ok(HistoryRow {
        installed_rank: row.get(0)?,
        version: row.get(1)?,
        description: row.get(2)?,
        kind: row.get(3)?,
        script: row.get(4)?,
        checksum: row.get(5)?,
        installed_by: row.get(6)?,
        installed_on: row.get(7)?,
        execution_time: row.get(8)?,
        success: row.get(9)?,
    })
}
