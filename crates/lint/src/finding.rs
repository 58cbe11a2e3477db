//! One thing that a rule has to say about a migration.

use crate::fix::Fix;
use greylag_core::{engine::Engine, migration::MigrationId, source::Position};
use serde::{Deserialize, Serialize};

/// One thing that a rule has to say about a migration. JSON: an entry of `findings` of a plan and of `greylag.lint/v1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id, stable: `add-index-blocking`, `squawk/prefer-text-field`.
    pub rule: String,
    pub severity: Severity,
    /// How much had to be known to say so.
    pub decided: Decided,
    pub engine: Engine,
    /// The file's path relative to its migrations folder.
    pub script: String,
    /// None where the file's name is none of a migration's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationId>,
    /// Counted from 0. None where the finding is about the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<usize>,
    /// The bytes of the file on disk (without a byte order mark) that it is about.
    pub span: Span,
    /// Where those bytes begin and end.
    pub start: Place,
    pub end: Place,
    /// One line, with the names: "the index idx is built while writes to orders wait".
    pub title: String,
    pub message: Message,
    /// The rewrite, where it is mechanical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// A directive lets it pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Allowed>,
    /// What a trace on scratch servers said to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traced: Option<Traced>,
}

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know; holds nothing.
    Note,
    Warning,
    /// Holds the migration unless it is allowed.
    Error,
}

/// How much had to be known to decide, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// The migrations' text alone.
    Text,
    /// `[lint]` of the project file.
    Config,
    /// What the fleet looks like.
    Fleet,
    /// What happened on a scratch server.
    Trace,
}

/// Bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// A line and a column, both from 1; the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

/// What there is to say, part by part. Each is one or more whole sentences.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What goes wrong, and for whom.
    pub why: String,
    /// The locks it takes, and what they keep out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// What it does to replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<String>,
    /// What it does across shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<String>,
    /// What to do instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
}

/// Who let it pass, in their own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    pub because: String,
}

/// What a trace saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Traced {
    /// It happened as the rule says.
    Confirmed,
    /// It was looked for, and did not happen.
    Contradicted,
    /// It happened, and no rule had said so.
    SeenOnly,
}

impl Finding {
    /// Whether it holds its migration.
    pub fn holds(&self) -> bool {
        self.severity == Severity::Error && self.allowed.is_none()
    }
}

impl From<Position> for Place {
    fn from(position: Position) -> Self {
        Self {
            line: position.line,
            column: position.column,
        }
    }
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl Decided {
    pub fn as_str(self) -> &'static str {
        match self {
            Decided::Text => "text",
            Decided::Config => "config",
            Decided::Fleet => "fleet",
            Decided::Trace => "trace",
        }
    }
}
