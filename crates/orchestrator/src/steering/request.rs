//! What a person asks of a rollout.

use greylag_core::{fleet::ShardName, migration::MigrationId, node::NodeName};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    Pause {
        reason: Option<String>,
    },
    Resume,
    Abort {
        reason: Option<String>,
    },
    /// None: the wave that comes next. The digest, where given, must be the plan's.
    Approve {
        wave: Option<String>,
        digest: Option<String>,
    },
    /// Failed shards may be tried again; empty means all that failed.
    Retry {
        shards: Vec<ShardName>,
    },
    Skip {
        shards: Vec<ShardName>,
        reason: String,
    },
    Settle {
        shard: ShardName,
        migration: MigrationId,
        applied: bool,
        reason: String,
        /// The subscriber on which it is settled; none: the shard's primary.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<NodeName>,
    },
}

impl Request {
    /// For messages: `there is no unfinished rollout to …`.
    pub fn verb(&self) -> &'static str {
        match self {
            Request::Pause { .. } => "pause",
            Request::Resume => "resume",
            Request::Abort { .. } => "abort",
            Request::Approve { .. } => "approve",
            Request::Retry { .. } => "retry",
            Request::Skip { .. } => "skip shards of",
            Request::Settle { .. } => "settle",
        }
    }
}

/// It is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub rollout: String,
    /// What was folded, as a sentence.
    pub what: String,
    /// An orchestrator is at work and has folded it; otherwise the next `apply` goes on from it.
    pub running: bool,
}
