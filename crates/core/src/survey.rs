//! What was last seen of a shard: its server, role, identity, history and steps. Dated, possibly incomplete.
//!
//! A survey is evidence, not judgement: `identity` and `history` judge it.

use crate::{
    engine::Engine, fleet::ShardName, history::HistoryRow, migration::MigrationId, outcome::Failure,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What one look at a shard's primary saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    pub shard: ShardName,
    pub at: Timestamp,
    pub server: Server,
    pub role: Role,
    /// The shard's own identity row, if it has one.
    pub identity: Option<ShardIdentity>,
    /// No table, view, type or routine of anybody's is in the shard (Greylag's and the history table apart).
    pub empty: bool,
    /// The history table exists.
    pub has_history: bool,
    /// Rows in order of `installed_rank`.
    pub history: Vec<HistoryRow>,
    /// Greylag's own progress rows of this project.
    pub steps: Vec<StepRow>,
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    pub engine: Engine,
    /// As the server prints it.
    pub version: String,
    /// PostgreSQL's system identifier, MySQL's server uuid, the canonical path of an SQLite file. Clones share it.
    pub lineage: String,
    /// The database within the server, with what tells it from a namesake (PostgreSQL's OID, the schema of a schema shard):
    /// equal lineage and equal database means one and the same database under two names.
    pub database: String,
    /// Where the connection really ended: address and port or path, as the server says.
    pub address: String,
    /// Where the project says that it is, without secrets.
    #[serde(default)]
    pub dialled: String,
    /// This run of the server, where servers share a lineage and the engine tells runs apart: two connections that agree in it end
    /// at one server, whatever they were dialled as. Gone with the next restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A primary that accepts writes.
    Primary,
    /// A primary that is set read-only, or a read-only file.
    ReadOnly,
    Replica,
}

/// The row of `greylag_shard`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardIdentity {
    pub uuid: uuid::Uuid,
    pub project: String,
    pub name: ShardName,
    pub environment: String,
}

/// A row of `greylag_step`: a migration under way, done statement by statement, or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRow {
    pub migration: MigrationId,
    pub state: StepState,
    pub rollout: String,
    pub epoch: u64,
    pub statements_done: u32,
    pub statements_total: u32,
    /// The hash of each finished statement, in order: an edited file resumes only after an unchanged prefix.
    pub hashes: Vec<String>,
    /// The statement that was about to run and what the catalog looked like before, for the engine to settle.
    pub intent: Option<Intent>,
    pub failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Running,
    Applied,
    Failed,
}

/// What was about to happen, written before a statement that can't share a transaction with its step row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The statement's index in the file, from 0.
    pub statement: u32,
    /// The statement's hash.
    pub hash: String,
    /// The engine's own image of what the statement touches, before it ran.
    pub before: serde_json::Value,
}
