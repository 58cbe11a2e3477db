//! What an operation did, shard by shard.

use greylag_core::{fleet::ShardName, identity::Refusal, outcome::Failure};
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperationReport {
    pub shards: Vec<ShardReport>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShardReport {
    pub shard: ShardName,
    #[serde(flatten)]
    pub result: ShardResult,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum ShardResult {
    /// What was changed, a sentence each.
    Changed {
        what: Vec<String>,
    },
    /// What would be changed (`--dry-run`).
    WouldChange {
        what: Vec<String>,
    },
    Nothing {
        why: String,
    },
    Refused {
        refusals: Vec<Refusal>,
    },
    Failed {
        failure: Failure,
    },
    Unreachable {
        why: String,
    },
}
