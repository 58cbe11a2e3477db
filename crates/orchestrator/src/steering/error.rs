//! Why a request was not taken.

use crate::journal::JournalError;
use greylag_core::{fleet::ShardName, node::NodeName, outcome::Failure};

#[derive(Debug, thiserror::Error)]
pub enum SteerError {
    #[error("there is no unfinished rollout to {verb}")]
    NoRollout { verb: &'static str },
    #[error("there is no rollout `{0}`")]
    NoSuchRollout(String),
    #[error("`{prefix}` begins more than one rollout: {}", .rollouts.join(", "))]
    Ambiguous {
        prefix: String,
        rollouts: Vec<String>,
    },
    /// The rollout's state does not allow it; says what does.
    #[error("{0}")]
    NotNow(String),
    #[error("shard `{shard}` could not be settled: {}", .failure.message)]
    Shard {
        shard: ShardName,
        failure: Box<Failure>,
    },
    #[error("`{0}` is no shard of this fleet")]
    NoSuchShard(ShardName),
    #[error("`{0}` is no subscriber that the project names")]
    NoSuchSubscriber(NodeName),
    #[error("the journal failed")]
    Journal(#[from] JournalError),
    #[error(
        "the orchestrator at work did not take the request within {seconds} s; it stays in its inbox"
    )]
    NotTaken { seconds: u64 },
    #[error("the journal of rollout {rollout} does not fit its plan: {why}")]
    Damaged { rollout: String, why: String },
}
