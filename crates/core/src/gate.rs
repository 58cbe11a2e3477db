//! The question before a wave or a stage, and its answer.

use crate::{
    fleet::ShardName,
    migration::MigrationId,
    node::{Blame, Finding, NodeName},
    outcome::Blocker,
    position::Distance,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A gate's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    /// Ask again later; says what it waits for.
    Wait {
        reasons: Vec<WaitReason>,
    },
    /// Never passes as things stand: the rollout stops.
    Stop {
        why: String,
    },
}

/// Why something waits: the figure, the limit and who is to blame. Nothing waits in silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wait", rename_all = "snake_case")]
pub enum WaitReason {
    /// A person must approve the wave.
    Approval { digest: String },
    /// The previous wave soaks until then.
    Soak { until: Timestamp },
    /// Outside every window; the next opens then.
    Window { opens: Option<Timestamp> },
    /// A check of the project's own said no, or could not be asked.
    Check {
        name: String,
        answer: String,
        /// How long after that answer it is asked again; absent in journals of older versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        every_ms: Option<u64>,
    },
    /// A person paused the rollout.
    Paused { by: String, reason: Option<String> },
    /// Another session holds the shard's lock.
    ShardLock { holder: Blocker },
    /// The shards that were asked for are behind this wave, and so many of its shards are still to be done.
    Wave { name: String, pending: u32 },
    /// The plan that was agreed to is done; this is pending beside it, in a plan that nobody has agreed to. The first few shards
    /// are named.
    NextPlan {
        /// None where it was not made yet.
        digest: Option<String>,
        migrations: Vec<MigrationId>,
        shards: Vec<ShardName>,
        count: u32,
    },
    /// A statement waits for a lock somebody holds; retried until the deadline.
    Lock {
        blockers: Vec<Blocker>,
        attempt: u32,
        deadline: Timestamp,
    },
    /// A transient error, tried again then.
    Retry {
        attempt: u32,
        at: Timestamp,
        error: String,
    },
    /// So many shards are in flight already.
    InFlight { limit: u32 },
    /// So many shards of the host are in flight already.
    Host { host: String, limit: u32 },
    /// Another schema of the same database is at work, and one of the two runs a statement that can't be beside a transaction.
    Sisters { database: String },
    /// More shards have failed than the budget lets pass, the first wave has, or the stage is otherwise through:
    /// retry or skip them. The first few are named.
    Failed {
        shards: Vec<ShardName>,
        count: u32,
        budget: u32,
    },
    /// Nobody knows what became of these; the catalog could not tell. The first few are named.
    Unsettled { shards: Vec<ShardName>, count: u32 },
    /// A gate said that it never passes as things stand; resume asks it again.
    Stopped { why: String },
    /// A person stopped the rollout for good.
    Aborted { by: String, reason: Option<String> },
    /// A guarded node is behind by more than the limit (or was, and is not back under the lower one).
    ReplicaLag {
        node: NodeName,
        /// Absent where nobody knows how long it has stood still.
        lag_ms: Option<u64>,
        /// `lag_ms` is the least it can be: the node has not come to where its primary was when it was first looked at.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        at_least: bool,
        distance: Option<Distance>,
        limit_ms: u64,
        blame: Option<Blame>,
    },
    /// A guarded node can't be looked at, or not enough of it: nobody knows its lag, or its load where that is limited.
    ReplicaUnseen {
        node: NodeName,
        why: String,
        mend: Option<String>,
        since: Option<Timestamp>,
    },
    /// Something is wrong on a guarded node, whether or not it lags.
    ReplicaTrouble { node: NodeName, finding: Finding },
    /// None of the shard's servers accepts writes now: a failover is under way, or has to be made. Asked again until the deadline.
    NoPrimary {
        shard: ShardName,
        /// What each server was seen to be.
        servers: Vec<String>,
        deadline: Timestamp,
    },
    /// Which of the shard's servers is its primary can't be told: two of them accept writes, or one that was promoted away from.
    /// Nothing is written on either. Asked again until the deadline.
    PrimaryDisputed {
        shard: ShardName,
        why: String,
        mend: String,
        deadline: Timestamp,
    },
    /// The shard should have nodes to wait for, and has none.
    NoReplicas { shard: ShardName, why: String },
    /// Fewer of the shard's nodes are guarded than the project waits for.
    TooFewReplicas {
        shard: ShardName,
        guarded: u32,
        wanted: u32,
    },
    /// The shard's work is there, and these nodes of it have not replayed it. The first few are named.
    Replay {
        nodes: Vec<NodeName>,
        count: u32,
        blame: Option<Blame>,
    },
    /// The work of these shards is applied, and was not replayed within the time limit; it goes on by itself once it is.
    /// The first few are named.
    NotReplayed { shards: Vec<ShardName>, count: u32 },
    /// A logical subscriber gets its part of the shard's work, and this is waited for there.
    Subscriber {
        node: NodeName,
        waits: Box<WaitReason>,
    },
    /// Queries on a standby are in the way of what the migration locks: it would cancel them, or stall replay.
    StandbyQueries {
        node: NodeName,
        blockers: Vec<Blocker>,
        effect: StandbyEffect,
        deadline: Timestamp,
    },
    /// The reader of a slot is too far behind, or the slot keeps too much log.
    Slot {
        node: NodeName,
        slot: String,
        what: SlotLimit,
        bytes: u64,
        limit: u64,
    },
    /// A primary, or a host, has as much to do as may be.
    Load {
        place: String,
        what: LoadKind,
        figure: u32,
        limit: u32,
    },
}

/// What an exclusive lock does to queries on a standby when it is replayed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum StandbyEffect {
    /// Replay waits so long, then cancels them.
    Cancels { after_ms: u64 },
    /// Replay waits until they end.
    Stalls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotLimit {
    Lag,
    Retained,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadKind {
    Active,
    LockWaiters,
    ActiveOnHost,
}
