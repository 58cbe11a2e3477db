//! How a run ended, for the last line of every surface.

pub use greylag_core::rollout::RunVerdict as Verdict;
use greylag_core::{
    fleet::ShardName,
    gate::WaitReason,
    migration::MigrationId,
    outcome::{Doubt, Failure},
    plan::Held,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// JSON: the last line of `apply --output ndjson`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Always `summary`.
    #[serde(rename = "type")]
    pub kind: String,
    pub verdict: Verdict,
    pub exit_code: u8,
    /// Unfinished rollouts that this run has finished before it planned anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finished: Vec<Finished>,
    /// None where there was nothing to do.
    pub rollout: Option<String>,
    pub digest: Option<String>,
    pub shards: Counts,
    /// Migrations applied by this run, over all shards.
    pub migrations_applied: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<ShardName, Failure>,
    /// The shards that this run applied something on.
    #[serde(skip)]
    pub changed: BTreeSet<ShardName>,
    /// Of each migration that failed somewhere, how many shards have it; for those who offer ways on.
    #[serde(skip)]
    pub having: BTreeMap<MigrationId, usize>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<ShardName, Doubt>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreached: BTreeMap<ShardName, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<WaitReason>,
    /// Why it stopped, as a sentence, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    pub millis: u64,
}

/// An unfinished rollout that was taken up and is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    pub rollout: String,
    pub digest: String,
    /// Shards that this run changed for it.
    pub changed: usize,
    pub migrations_applied: u64,
}

/// Shards by where they stand now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Of the fleet.
    pub total: usize,
    /// Not in the plan: they had nothing to do.
    pub up_to_date: usize,
    /// All of their work is there.
    pub done: usize,
    /// Shards that this run applied something on, failed ones among them.
    pub changed: usize,
    pub pending: usize,
    pub failed: usize,
    pub unknown: usize,
    pub skipped: usize,
    pub held: usize,
    pub unreached: usize,
}
