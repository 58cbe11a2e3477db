//! How a migration ended on a shard, and what a failure says.
//!
//! Refused, failed and unknown are different types: a refusal touched nothing, a failure is the
//! server's own word, and an unknown is an answer that was lost.

use crate::migration::MigrationId;
use serde::{Deserialize, Serialize};

/// How an attempt ended, as far as anyone knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// All of the shard's work of the stage is there.
    Applied,
    /// Not all of it is there, and nothing of it is under way: safe to try again. What stands of the migration that is next is gone
    /// on after.
    Absent {
        #[serde(default, skip_serializing_if = "Left::is_nothing")]
        left: Left,
    },
    Failed {
        failure: Failure,
    },
    /// The answer was lost; leads to a survey under the lock, never to a blind retry.
    Unknown {
        doubt: Doubt,
    },
}

impl Outcome {
    /// It never happened.
    pub fn absent() -> Self {
        Self::Absent {
            left: Left::Nothing,
        }
    }

    /// What stands of a migration that is not all there.
    pub fn left(&self) -> Left {
        match self {
            Self::Absent { left } => *left,
            Self::Failed { failure } => failure.left,
            Self::Applied | Self::Unknown { .. } => Left::Nothing,
        }
    }
}

/// What went wrong, by what a person would do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    Lock,
    Data,
    Syntax,
    Permission,
    Connection,
    Lag,
    Conflict,
    /// A guard refused before anything was touched: not a primary, wrong identity, changed checksum.
    Refused,
    /// A `verify` query said no; the migration itself is applied.
    Verify,
    Cancelled,
    Other,
}

impl FailureClass {
    /// Whether trying again, unchanged, may help.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            FailureClass::Lock | FailureClass::Connection | FailureClass::Lag
        )
    }
}

/// A server's (or guard's) refusal of a migration, with where and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub class: FailureClass,
    /// The server's own code: SQLSTATE, MySQL errno, SQLite extended code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationId>,
    /// Where in the file; lines and columns count from 1, columns in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What would help, as a whole sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    pub left: Left,
    /// Who stood in the way, for `Lock`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blockers: Vec<Blocker>,
}

/// A place in a migration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub script: String,
    /// The statement's number in the file, from 1.
    pub statement: u32,
    pub line: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The statement's first line, shortened, for a message.
    pub excerpt: String,
}

/// What an attempt that did not come to its end left on the shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "left", rename_all = "snake_case")]
pub enum Left {
    /// Everything was rolled back.
    #[default]
    Nothing,
    /// So many statements of the file stand; a later run resumes after them.
    Partial { done: u32, total: u32 },
}

impl Left {
    /// Whether anything of the migration stands.
    pub fn is_something(self) -> bool {
        matches!(self, Left::Partial { done, .. } if done > 0)
    }

    // As serde asks it.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    fn is_nothing(&self) -> bool {
        !self.is_something()
    }
}

/// Somebody who holds what a statement waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// The server's process or connection id.
    pub pid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How long its transaction has been open, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_ms: Option<u64>,
    /// What it holds, in the engine's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<String>,
}

/// Why nobody knows whether a migration happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What was lost, as a sentence.
    pub why: String,
    /// `true` once the catalog was looked at and could not tell: only a person can settle it.
    pub needs_person: bool,
}
