//! Why a run could not begin, or had to end without a verdict.

use crate::{
    executor::ScriptsError, journal::JournalError, planning::PlanningError, survey::SurveyError,
};
use greylag_core::{fleet::ShardName, outcome::Failure};

/// `failure` maps it to exit code and hint.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error(transparent)]
    Survey(#[from] SurveyError),
    #[error(transparent)]
    Planning(#[from] PlanningError),
    /// Another orchestrator works on this fleet.
    #[error("another greylag works on this fleet: {holder}")]
    Busy { holder: String },
    /// The anchor's server can't be reached, or says no.
    #[error("the fleet's anchor, shard `{shard}`, can't be held: {}", .failure.message)]
    Anchor {
        shard: ShardName,
        failure: Box<Failure>,
    },
    #[error("shard `{shard}` could not be claimed: {}", .failure.message)]
    Claim {
        shard: ShardName,
        /// How many of those that were expected are still to be claimed.
        left: u32,
        expected: u32,
        failure: Box<Failure>,
    },
    /// The plan given is not (any more) what would be done.
    #[error("the plan is no longer true: {why}")]
    Stale { why: String },
    /// A saved plan that is not what was saved.
    #[error(
        "the plan's content is not what its digest {digest} was made of: it was edited after it was saved"
    )]
    Edited { digest: String },
    #[error("the journal can't be written")]
    Journal(#[from] JournalError),
    /// The lease went to somebody else while we worked; nothing new was started after that.
    #[error("the lease on this fleet was lost: {why}")]
    LeaseLost { why: String },
    #[error("the planned files can't be had")]
    Scripts(#[from] ScriptsError),
    /// It could not go on, and shards have been touched by this run already.
    #[error("the run had to end midway: {changed} changed by it, {in_flight} in flight")]
    Midway {
        changed: usize,
        in_flight: usize,
        #[source]
        why: Box<ApplyError>,
    },
    /// The journal does not fit the plan.
    #[error("the journal of rollout {rollout} does not fit its plan: {why}")]
    Damaged { rollout: String, why: String },
}

impl ApplyError {
    /// The state store was sought in vain, or the lease is another's: it need not be sought again only to say goodbye.
    pub fn is_without_journal(&self) -> bool {
        match self {
            ApplyError::Journal(JournalError::Unreachable { .. })
            | ApplyError::LeaseLost { .. } => true,
            ApplyError::Midway { why, .. } => why.is_without_journal(),
            _ => false,
        }
    }
}
