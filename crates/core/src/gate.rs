//! The question before a wave or a stage, and its answer.

use crate::{fleet::ShardName, outcome::Blocker};
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
    Check { name: String, answer: String },
    /// A person paused the rollout.
    Paused { by: String, reason: Option<String> },
    /// Another session holds the shard's lock.
    ShardLock { holder: Blocker },
    /// The shards that were asked for are behind this wave, and so many of its shards are still to be done.
    Wave { name: String, pending: u32 },
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
}
