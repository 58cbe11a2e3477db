//! The nodes of a shard: what one look at a node saw, and what it means.
//!
//! A sighting is evidence in every engine's terms at once: an engine fills in what it knows, and says what it was not
//! allowed to see. Judging it (lag, who is to blame, errors) is `judge`; whether a rollout goes on is `throttle`.
//! Knows no SQL, no URL and no clock.

mod downstream;
mod failing;
mod finding;
mod following;
mod judge;
mod lineage;
mod preflight;
mod published;
mod reader;
mod sighting;
mod standing;
mod subscriber;
mod trail;
mod unsubscribed;

pub use downstream::{copies_table, downstreams};
pub use finding::counted;
pub use following::follows;
pub use judge::{Case, judge};
pub use preflight::Prediction;
pub use published::{Intake, Published, Qualified};
pub use reader::{Reader, readers};
pub use sighting::{
    Child, Conflicts, Delay, Load, NodeSighting, Oldest, Replay, ReplayState, SeenRole, Slot,
    Subscription, Unobservable, Upstream,
};
pub use standing::{Blame, Finding, Lag, NodeState, Severity, Standing};
pub use subscriber::{confirmed, refresh};
pub use trail::{Age, Trail};
pub use unsubscribed::{Carried, Taken, unsubscribed};

use crate::fleet::ShardName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// A node's name within the fleet: `eu-7/replica-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeName {
    pub shard: ShardName,
    pub node: Arc<str>,
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.shard, self.node)
    }
}

/// What a node is to its shard, as the project declares it or the primary says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    Primary,
    /// Gets changes, DDL too, from the primary (or from another replica).
    #[default]
    Replica,
    /// A logical subscriber: gets rows from the primary, and migrations from Greylag.
    Subscriber,
    /// A logical slot or another reader of the log (CDC): watched, never written, never connected to.
    Downstream,
}

/// What a rollout makes of a node that lags.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "snake_case")]
pub enum NodePolicy {
    /// Waited for.
    #[default]
    Guard,
    /// Watched and told of, not waited for.
    Observe,
    /// Left out until then (for good, where no time is given), for a reason.
    Ignore {
        until: Option<Timestamp>,
        reason: String,
    },
}

impl NodePolicy {
    /// Whether the node is waited for now: an `ignore` whose time has passed is a guard again.
    pub fn guards(&self, now: Timestamp) -> bool {
        match self {
            NodePolicy::Guard => true,
            NodePolicy::Observe => false,
            NodePolicy::Ignore { until, .. } => until.is_some_and(|until| until <= now),
        }
    }
}
