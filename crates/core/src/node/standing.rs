//! What sightings say of a node: how far behind it is, whose doing that is, and what is wrong with it.

use super::Age;
use crate::{outcome::Blocker, position::Distance};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How a node stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    pub state: NodeState,
    pub lag: Lag,
    /// Whose doing the lag is; none where there is none worth a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blame: Option<Blame>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// The finding that a node accepts writes beside its primary.
pub(super) const RIVAL: &str = "two-primaries";

impl Standing {
    /// Whether the node accepts writes beside its primary: nothing goes on then, whatever else is made of the node.
    pub fn is_rival(&self) -> bool {
        self.state == NodeState::Refused && self.findings.iter().any(|found| found.kind == RIVAL)
    }
}

/// How far behind a node is. Absent is not zero: nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    pub distance: Option<Distance>,
    pub time: Option<Duration>,
    /// `time` is the least it can be: the node has not come to where its primary was when it was first looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
}

impl Lag {
    pub(super) fn new(distance: Option<Distance>, age: Option<Age>) -> Self {
        Self {
            distance,
            time: age.map(|age| age.time),
            at_least: age.is_some_and(|age| age.at_least),
        }
    }

    /// Nobody knows anything.
    pub(super) fn is_unknown(&self) -> bool {
        self.distance.is_none() && self.time.is_none()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// The primary, or a replica that follows.
    Good,
    /// Behind by more than the limit.
    Lagging,
    /// Far behind and gaining: restored from a backup, or just started.
    CatchingUp,
    /// Replays nothing: paused, stopped, blocked, disconnected.
    Stalled,
    /// Can't be reached.
    Unreachable,
    /// Reached, but what matters can't be seen.
    Unobservable,
    /// It is no node of this shard, or not in the role that is declared.
    Refused,
}

/// Whose doing a lag is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "blame", rename_all = "snake_case")]
pub enum Blame {
    /// Written on the primary, not yet sent or received.
    Network,
    /// Received, not yet safe on the replica's disk.
    ReplicaDisk,
    /// Received, and replayed as fast as the replica can: this is what migrations and backfills cause.
    Apply,
    /// Somebody's query on the replica holds what replay needs.
    Blocked { by: Vec<Blocker> },
    /// A person paused replay.
    Paused,
    /// Held back on purpose.
    Delayed { by: Duration },
    /// Gets nothing from upstream.
    Disconnected { error: Option<String> },
    /// Replay ended with an error.
    Stopped { error: Option<String> },
    /// Can't be told.
    Unobservable { what: String, mend: Option<String> },
    /// Can't be reached since then.
    Unreachable {
        since: Option<Timestamp>,
        error: String,
    },
}

/// Something wrong with a node, or about to be, whether or not it lags.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub severity: Severity,
    /// A stable word; all of them are in docs/which-replica-holds.md.
    pub kind: String,
    /// For a person: what, with the figure and the limit.
    pub text: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Warning,
    /// Guarded, it holds the rollout.
    Problem,
}
