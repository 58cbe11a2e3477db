//! Why an event does not fit a rollout.

use crate::{event::Event, fleet::ShardName, migration::MigrationId};
use jiff::Timestamp;

/// An event that `next` did not ask for, or that no person may cause now. The rollout is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} does not fit: {why}", .event.name())]
pub struct OutOfOrder {
    pub event: Box<Event>,
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("the rollout has not started")]
    NotStarted,
    #[error("the rollout has started already")]
    StartedAlready,
    #[error("it is for the plan {event}, this is {plan}")]
    AnotherPlan { event: String, plan: String },
    #[error("the rollout has ended")]
    Ended,
    #[error("it comes from epoch {event}, and epoch {current} has taken over")]
    StaleEpoch { event: u64, current: u64 },
    #[error("epoch {event} has not taken the rollout up: `restarted` comes first")]
    NotTakenUp { event: u64 },
    #[error("the journal goes on with {found} where {expected} is due")]
    Sequence { expected: u64, found: u64 },
    #[error("the plan has no stage {stage}")]
    NoSuchStage { stage: usize },
    #[error("the plan has no wave {wave}")]
    NoSuchWave { wave: usize },
    #[error("the plan has no work for shard `{0}`")]
    NoSuchShard(ShardName),
    #[error("{migration} is not in the work of shard `{shard}`")]
    NoSuchWork {
        shard: ShardName,
        migration: MigrationId,
    },
    #[error("shard `{shard}` lacks {migration}, which a failover lost: it is run again first")]
    Owed {
        shard: ShardName,
        migration: MigrationId,
    },
    #[error("stage {stage} is not the one under way")]
    AnotherStage { stage: usize },
    #[error("this gate was not asked, or no longer matters")]
    GateNotAsked,
    #[error("the wave before soaks until {until}")]
    Soaking { until: Timestamp },
    #[error("the wave waits for an approval")]
    NotApproved,
    #[error("the wave asks for no approval")]
    NeedsNoApproval,
    #[error("it has been approved already")]
    ApprovedAlready,
    #[error("the rollout is stopped: nothing new may start")]
    Stopped,
    #[error("shard `{shard}` {state}")]
    Shard {
        shard: ShardName,
        state: &'static str,
    },
    #[error("nodes hold the rollout: nothing new may start")]
    Held,
    #[error("nodes hold it for these reasons already")]
    HeldAlready,
    #[error("no nodes hold it")]
    NotHeld,
    #[error("its wave has not been let go")]
    NotItsTurn,
    #[error("the gate of its wave is asked again first, after a break")]
    GateAskedAgain,
    #[error("as many are in flight, or on its host, as may be")]
    NoRoom,
    #[error("{migration} is applied already on shard `{shard}`")]
    AppliedAlready {
        shard: ShardName,
        migration: MigrationId,
    },
    #[error("what is unknown on shard `{shard}` is {migration}")]
    AnotherDoubt {
        shard: ShardName,
        migration: MigrationId,
    },
    #[error("it is paused already")]
    PausedAlready,
    #[error("nothing is paused; failed shards are retried or skipped, unknown ones settled")]
    NotPaused,
    #[error("it is aborted already")]
    AbortedAlready,
    #[error("something is in flight or unknown still")]
    InFlight,
    #[error("the rollout is not through")]
    NotThrough,
}
