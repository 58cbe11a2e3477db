//! The document `status` prints: the fleet's versions, what is pending and failed, and the rollout. `greylag.status/v1`.

use crate::{setup::Setup, steering::SteerError, survey::Surveyed};
use greylag_core::{
    engine::Engine, fleet::ShardName, identity::Refusal, migration::MigrationId, outcome::Failure,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `greylag.status/v1`.
    pub schema: String,
    pub project: String,
    pub environment: String,
    pub at: jiff::Timestamp,
    pub fleet: FleetCounts,
    /// How many shards are on which version; `-` for none.
    pub versions: BTreeMap<String, usize>,
    pub shards: Vec<ShardStatus>,
    /// Comes with the lifecycle of changes.
    pub changes: Vec<serde_json::Value>,
    pub rollout: Option<RolloutStatus>,
    /// Shards once seen that the fleet no longer names.
    pub missing: Vec<crate::journal::KnownShard>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetCounts {
    pub shards: usize,
    pub up_to_date: usize,
    pub pending: usize,
    pub failed: usize,
    pub refused: usize,
    pub unreachable: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardStatus {
    pub name: ShardName,
    pub engine: Engine,
    pub host: String,
    pub labels: BTreeMap<String, String>,
    /// The server's own version.
    pub server: Option<String>,
    pub address: Option<String>,
    /// The highest version applied.
    pub version: Option<String>,
    /// Pending versions below it.
    pub holes: Vec<MigrationId>,
    pub applied: Vec<MigrationId>,
    pub pending: Vec<MigrationId>,
    pub failed: Option<FailedStep>,
    /// Comes with replicas.
    pub replicas: Vec<serde_json::Value>,
    pub refusals: Vec<Refusal>,
    /// The chain of causes, where the shard can't be reached.
    pub unreachable: Option<String>,
    /// Problems the history has with the files: changed, missing.
    pub problems: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedStep {
    pub migration: MigrationId,
    pub failure: Option<Failure>,
    pub statements_done: u32,
    pub statements_total: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutStatus {
    pub id: String,
    pub digest: String,
    /// `running`, `unattended`, `paused`, `stopped`, `done`, `aborted`, `superseded`.
    pub state: String,
    pub since: jiff::Timestamp,
    /// Who holds the lease, if anybody does.
    pub holder: Option<String>,
    pub done: usize,
    pub failed: Vec<ShardName>,
    pub unknown: Vec<ShardName>,
    pub skipped: Vec<ShardName>,
    pub waiting: Vec<greylag_core::gate::WaitReason>,
}

/// Makes the document of what was surveyed and what the journal knows.
pub async fn read_status(setup: &Setup, surveyed: &Surveyed) -> Result<Status, SteerError> {
    let _ = (setup, surveyed);
    todo!()
}
