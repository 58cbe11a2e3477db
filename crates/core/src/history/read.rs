//! Rows against files, by Flyway's rules.

use super::{Changed, HistoryRow, Reading};
use crate::migration::{Migration, MigrationId, Set, Version};
use std::collections::BTreeMap;

/// A row that can't be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the history's row {rank} has the version `{version}`, which is none")]
pub struct HistoryError {
    pub rank: i32,
    pub version: String,
}

/// Reads a shard's history against the files on disk.
///
/// `checksums` are those of `Set::checksums`: of repeatables, after placeholders. For each version and each repeatable
/// description the row of the highest rank counts: a DELETE or undo row takes back what came before. Versions at or below
/// a baseline are neither pending nor compared. Rows of kinds that have no SQL file (JDBC, …) count as applied.
pub fn read(
    rows: &[HistoryRow],
    set: &Set,
    checksums: &BTreeMap<MigrationId, i32>,
) -> Result<Reading, HistoryError> {
    let latest = latest(rows)?;
    let mut reading = Reading {
        baseline: baseline(rows)?,
        ..Reading::default()
    };
    for (id, row) in &latest {
        judge_row(&mut reading, id, row, set, checksums);
    }
    reading.by_rank = by_rank(&latest, &reading.applied);
    let applied = reading.applied.iter().filter_map(MigrationId::version);
    reading.current = applied.chain(&reading.baseline).max().cloned();
    for migration in set {
        let pending = match &migration.id {
            MigrationId::Versioned(version) => {
                let below = reading.baseline.as_ref().is_some_and(|b| version <= b);
                let done = latest.get(&migration.id).is_some_and(|row| stands(row));
                let below_highest = reading.current.as_ref().is_some_and(|c| version < c);
                if !below && !done && below_highest {
                    reading.out_of_order.push(migration.id.clone());
                }
                !below && !done
            }
            MigrationId::Repeatable(_) => !reading.applied.contains(&migration.id),
            MigrationId::Undo(_) => false,
        };
        if pending {
            reading.pending.push(migration.id.clone());
        }
    }
    Ok(reading)
}

fn judge_row(
    reading: &mut Reading,
    id: &MigrationId,
    row: &HistoryRow,
    set: &Set,
    checksums: &BTreeMap<MigrationId, i32>,
) {
    if !row.success {
        let undone = row.kind.starts_with("UNDO");
        reading.failed.push(match id {
            MigrationId::Versioned(version) if undone => MigrationId::Undo(version.clone()),
            id => id.clone(),
        });
        // A failed undo leaves its version applied; a failed migration is not.
        if !undone {
            return;
        }
    }
    if row.success && !stands(row) {
        return;
    }
    let file = set.get(id);
    let below = |version: &Version| reading.baseline.as_ref().is_some_and(|b| version <= b);
    let of_file = row.kind == "SQL";
    match (id, file) {
        (MigrationId::Repeatable(_), Some(file)) => {
            if matches(row, file, checksums) {
                reading.applied.push(id.clone());
            }
            return;
        }
        (MigrationId::Versioned(version), Some(file))
            if of_file && !below(version) && !matches(row, file, checksums) =>
        {
            reading.changed.push(Changed {
                migration: id.clone(),
                applied: row.checksum,
                file: checksums.get(id).copied().unwrap_or(file.checksum),
            });
        }
        (MigrationId::Versioned(version), None) if of_file && !below(version) => {
            let highest = set.versioned().last().and_then(|m| m.id.version());
            if highest.is_some_and(|highest| version < highest) {
                reading.missing.push(id.clone());
            } else {
                reading.future.push(id.clone());
            }
        }
        (MigrationId::Repeatable(_), None) if of_file => reading.missing.push(id.clone()),
        _ => {}
    }
    reading.applied.push(id.clone());
}

/// The applied versions in the order they were installed.
fn by_rank(
    latest: &BTreeMap<MigrationId, &HistoryRow>,
    applied: &[MigrationId],
) -> Vec<MigrationId> {
    let versions = applied.iter().filter(|id| !id.is_repeatable());
    let mut by_rank: Vec<&MigrationId> = versions.collect();
    by_rank.sort_by_key(|id| latest.get(id).map(|row| row.installed_rank));
    by_rank.into_iter().cloned().collect()
}

/// A repeatable also matches by its checksum before placeholders, as in Flyway.
fn matches(row: &HistoryRow, file: &Migration, checksums: &BTreeMap<MigrationId, i32>) -> bool {
    let effective = checksums.get(&file.id).copied().unwrap_or(file.checksum);
    row.checksum == Some(effective)
        || file.id.is_repeatable() && row.checksum == Some(file.checksum)
}

/// Whether a row says that its migration is there.
fn stands(row: &HistoryRow) -> bool {
    let takes_back = row.kind == "DELETE" || row.kind.starts_with("UNDO");
    row.success != takes_back
}

/// The row of the highest rank of each version and each repeatable.
fn latest(rows: &[HistoryRow]) -> Result<BTreeMap<MigrationId, &HistoryRow>, HistoryError> {
    let mut latest: BTreeMap<MigrationId, &HistoryRow> = BTreeMap::new();
    for row in rows.iter().filter(|row| !marks_only(row)) {
        let id = match version(row)? {
            Some(version) => MigrationId::Versioned(version),
            None => MigrationId::Repeatable(row.description.clone()),
        };
        let known = latest.entry(id).or_insert(row);
        if row.installed_rank >= known.installed_rank {
            *known = row;
        }
    }
    Ok(latest)
}

/// SCHEMA says that Flyway made the schema, BASELINE where it began: neither is a migration.
fn marks_only(row: &HistoryRow) -> bool {
    matches!(row.kind.as_str(), "SCHEMA" | "BASELINE")
}

fn baseline(rows: &[HistoryRow]) -> Result<Option<Version>, HistoryError> {
    let mut last = rows.iter().filter(|row| {
        row.success
            && matches!(
                row.kind.as_str(),
                "BASELINE" | "SQL_BASELINE" | "JDBC_BASELINE"
            )
    });
    let row = last.by_ref().max_by_key(|row| row.installed_rank);
    row.map(version).transpose().map(Option::flatten)
}

fn version(row: &HistoryRow) -> Result<Option<Version>, HistoryError> {
    let parse = |text: &String| {
        text.parse().map_err(|_| HistoryError {
            rank: row.installed_rank,
            version: text.clone(),
        })
    };
    row.version.as_ref().map(parse).transpose()
}

#[cfg(test)]
mod tests;
