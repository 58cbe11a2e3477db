//! What a shard has had: pure functions over the rows of its schema history table (Flyway's format).

mod read;
mod row;

pub use read::{HistoryError, read};
pub use row::{baseline_row, deleted_row, description, rank_next, row_of, script};

use crate::{
    migration::{MigrationId, Version},
    survey::{StepRow, StepState},
};
use serde::{Deserialize, Serialize};

/// A row of the schema history table, in Flyway's columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    pub installed_rank: i32,
    pub version: Option<String>,
    pub description: String,
    /// The column `type`: SQL, BASELINE, UNDO_SQL, DELETE, SCHEMA, JDBC, …
    pub kind: String,
    pub script: String,
    pub checksum: Option<i32>,
    pub installed_by: String,
    /// As the server prints it.
    pub installed_on: String,
    /// Milliseconds.
    pub execution_time: i32,
    pub success: bool,
}

/// What a shard's history says against the files on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reading {
    /// Applied and not undone, in order of version; repeatables by description, those whose file changed left out.
    pub applied: Vec<MigrationId>,
    /// The versions of `applied` in order of `installed_rank`, for undo, which goes backwards through them.
    #[serde(default)]
    pub by_rank: Vec<MigrationId>,
    /// Not applied (or, for a repeatable, with another checksum), in the order they would run.
    pub pending: Vec<MigrationId>,
    /// Pending versions below the highest applied one.
    pub out_of_order: Vec<MigrationId>,
    /// Rows with `success = false`.
    pub failed: Vec<MigrationId>,
    /// Applied under another checksum than the file's.
    pub changed: Vec<Changed>,
    /// Applied, but no file is there.
    pub missing: Vec<MigrationId>,
    /// Applied, above the highest version on disk: the files are older than the shard. Flyway passes over these too.
    #[serde(default)]
    pub future: Vec<MigrationId>,
    pub baseline: Option<Version>,
    /// The highest version applied, or the baseline.
    pub current: Option<Version>,
}

impl Reading {
    /// A failed row whose migration our own step row can resume holds nothing: the step says more than the row.
    pub fn leave_resumable(&mut self, steps: &[StepRow]) {
        self.failed.retain(|id| {
            !steps
                .iter()
                .any(|step| step.migration == *id && step.state != StepState::Applied)
        });
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Changed {
    pub migration: MigrationId,
    pub applied: Option<i32>,
    pub file: i32,
}
