//! Changes to the history itself: `baseline`, `repair`, `undo`, `settle`, `rebrand`.

use super::{
    history,
    shard::Shard,
    statement, steps,
    tables::{SHARD, STEP},
};
use crate::{error::EngineError, flyway, session::HistoryChange, step};
use greylag_core::history::HistoryRow;

/// All of them, or none.
pub(super) fn change(shard: &mut Shard, changes: &[HistoryChange]) -> Result<(), EngineError> {
    let refused = shard.refused("a change of the history");
    statement::write(shard, |shard| {
        changes.iter().try_for_each(|change| one(shard, change))
    })
    .map_err(refused)
}

fn one(shard: &Shard, change: &HistoryChange) -> rusqlite::Result<()> {
    let connection = &shard.connection;
    let history = &shard.tables.history;
    let project = &*shard.target.project;
    match change {
        HistoryChange::Insert(row) => insert(shard, row),
        HistoryChange::Realign {
            installed_rank,
            checksum,
            description,
            kind,
        } => {
            let sql = format!(
                "UPDATE main.{history} SET checksum = ?2, description = ?3, type = ?4 WHERE installed_rank = ?1"
            );
            let row = (
                installed_rank,
                checksum,
                flyway::description(description),
                kind,
            );
            exactly_one(connection.execute(&sql, row)?)
        }
        HistoryChange::Remove { installed_rank } => {
            let sql = format!("DELETE FROM main.{history} WHERE installed_rank = ?1");
            exactly_one(connection.execute(&sql, [installed_rank])?)
        }
        HistoryChange::ForgetStep { migration } => {
            history::forget_failed(connection, &shard.tables, migration)?;
            steps::forget(connection, project, migration)
        }
        HistoryChange::SettleStep {
            migration,
            statements_done,
            hashes,
        } => {
            let sql = format!(
                "UPDATE main.{STEP} SET state = 'running', statements_done = ?3, hashes = ?4, intent = NULL, failure = NULL,
                        updated_at = strftime('%Y-%m-%d %H:%M:%f','now')
                  WHERE project = ?1 AND migration = ?2"
            );
            let row = (
                project,
                migration.to_string(),
                statements_done,
                step::hashes(hashes),
            );
            exactly_one(connection.execute(&sql, row)?)
        }
        HistoryChange::Rebrand(identity) => {
            let sql = format!(
                "UPDATE main.{SHARD} SET uuid = ?2, name = ?3, environment = ?4 WHERE project = ?1"
            );
            let row = (
                &identity.project,
                identity.uuid.to_string(),
                identity.name.as_str(),
                &identity.environment,
            );
            exactly_one(connection.execute(&sql, row)?)
        }
    }
}

fn insert(shard: &Shard, row: &HistoryRow) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO main.{0} (installed_rank, version, description, type, script, checksum, installed_by,
                installed_on, execution_time, success)
         SELECT coalesce(max(installed_rank), 0) + 1, ?1, ?2, ?3, ?4, ?5, ?6,
                coalesce(nullif(?7, ''), strftime('%Y-%m-%d %H:%M:%f','now')), ?8, ?9 FROM main.{0}",
        shard.tables.history
    );
    shard.connection.execute(
        &sql,
        (
            &row.version,
            flyway::description(&row.description),
            &row.kind,
            &row.script,
            row.checksum,
            &row.installed_by,
            &row.installed_on,
            row.execution_time,
            row.success,
        ),
    )?;
    Ok(())
}

/// A change that finds nothing to change was made for another history.
fn exactly_one(changed: usize) -> rusqlite::Result<()> {
    match changed {
        1 => Ok(()),
        other => Err(rusqlite::Error::StatementChangedRows(other)),
    }
}
