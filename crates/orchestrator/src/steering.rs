//! Steering a rollout: pause, resume, abort, approve, retry, skip, settle.
//!
//! A request is judged against the rollout as the journal has it, then written to the durable inbox, which whoever holds the
//! lease folds; where nobody does, it is folded here and now. Acknowledged only once it is durable.

use crate::{journal::JournalError, setup::Setup};
use greylag_core::{event::Stamped, fleet::ShardName, migration::MigrationId, plan::Plan};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a person asks.
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
    /// None: the wave that waits for it. The digest, where given, must be the plan's.
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
    },
}

/// It is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub rollout: String,
    /// What was folded, or will be.
    pub what: String,
    /// An orchestrator is at work and has folded it; otherwise the next `apply` goes on from it.
    pub running: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum SteerError {
    #[error("there is no unfinished rollout to {verb}")]
    NoRollout { verb: &'static str },
    #[error("there is no rollout `{0}`")]
    NoSuchRollout(String),
    /// The rollout's state does not allow it; says what does.
    #[error("{0}")]
    NotNow(String),
    #[error("`{0}` is no shard of this rollout")]
    NoSuchShard(ShardName),
    #[error("the journal can't be written")]
    Journal(#[from] JournalError),
    #[error(
        "the orchestrator at work did not take the request within {seconds} s; it stays in its inbox"
    )]
    NotTaken { seconds: u64 },
    #[error("the journal of rollout {rollout} does not fit its plan: {why}")]
    Damaged { rollout: String, why: String },
}

/// Steers the unfinished rollout (or the one named, by its id or a prefix of it).
pub async fn steer(
    setup: &Setup,
    rollout: Option<&str>,
    request: Request,
) -> Result<Acknowledged, SteerError> {
    let _ = (setup, rollout, request);
    todo!()
}

/// A rollout as the journal has it.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub rollout: String,
    pub plan: Arc<Plan>,
    pub events: Arc<[Stamped]>,
    // `state: core::rollout::Rollout` comes with it.
}

/// All rollouts of the project and environment, newest first.
pub async fn list(setup: &Setup) -> Result<Vec<crate::journal::RolloutRow>, SteerError> {
    let _ = setup;
    todo!()
}

/// One rollout, by id or prefix; none given: the newest.
pub async fn show(setup: &Setup, rollout: Option<&str>) -> Result<Recorded, SteerError> {
    let _ = (setup, rollout);
    todo!()
}
