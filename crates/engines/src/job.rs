//! One migration to run on one shard, and how the attempt ended.

use crate::{online::Online, session::Position};
use greylag_core::{
    migration::MigrationId,
    online::Way,
    outcome::{Doubt, Failure},
    script::{RunMode, Script},
};
use std::{sync::Arc, time::Duration};

/// One migration, ready to run: placeholders replaced, statements cut, mode decided.
#[derive(Clone, Debug)]
pub struct Job {
    pub migration: MigrationId,
    pub description: String,
    /// Flyway's `script` column.
    pub script_name: String,
    /// Flyway's checksum for the history row (of a repeatable: after placeholders).
    pub checksum: Option<i32>,
    pub script: Arc<Script>,
    pub mode: RunMode,
    pub rollout: String,
    pub epoch: u64,
    /// Who, for the `installed_by` column; the server's user where none is given.
    pub installed_by: Option<String>,
    pub limits: Limits,
    /// How far changes of tables go, where the engine has ways to choose from.
    pub online: Online,
}

impl Job {
    /// Whether it may share a transaction with others: it runs in one, and leaves nothing there that those behind it would find.
    pub fn may_share(&self) -> bool {
        self.mode == RunMode::Transaction && !self.script.marks_its_transaction()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a statement may wait for a lock before it gives up; the orchestrator tries again.
    pub lock_timeout: Duration,
    /// None: a statement may run as long as it takes.
    pub statement_timeout: Option<Duration>,
}

/// How an attempt at one or more jobs ended.
#[derive(Clone, Debug)]
pub enum Attempt {
    Applied(Applied),
    /// The server's own word; `Failure::left` says what stands. `Failure::migration` says which job.
    Failed(Failure),
    /// The answer was lost: the session is of no more use, and only a look under the lock can tell.
    Unknown(Doubt),
}

#[derive(Clone, Debug)]
pub struct Applied {
    pub millis: u64,
    /// The primary's position after the commit; none where the engine has none, or where it was lost.
    pub position: Option<Position>,
    /// Notices and warnings, in the server's words.
    pub warnings: Vec<String>,
}

/// What a look at the shard found out about a job that was under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Its history row is there.
    Applied,
    /// Nothing of it is there (or only a prefix that a run resumes after): safe to run again.
    Absent,
    /// It failed, and the shard remembers how.
    Failed(Failure),
    /// The catalog can't tell.
    Unknown(Doubt),
}

/// Told while a job runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// So many statements of the job have finished.
    Statement {
        migration: MigrationId,
        done: u32,
        total: u32,
    },
    /// A job of several is applied, with its history row committed.
    Applied { migration: MigrationId, millis: u64 },
    /// A statement changed a table in this way.
    Online {
        migration: MigrationId,
        /// From 1.
        statement: u32,
        way: Way,
        /// Each lighter way, and why it was not taken.
        not: Vec<String>,
    },
    /// A line of a tool that changes a table.
    Tool {
        migration: MigrationId,
        /// From 1.
        statement: u32,
        tool: String,
        line: String,
    },
    /// Something a person should see: an invalid index dropped, a wait at COMMIT for a standby.
    Warning {
        migration: MigrationId,
        text: String,
    },
}

/// Where notes go.
pub type Progress<'a> = &'a (dyn Fn(Note) + Send + Sync);
