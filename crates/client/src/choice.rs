//! What a choice says.

use crate::answer::Role;
use greylag_core::position::Distance;
use std::{sync::Arc, time::Duration};

/// The node to read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<'a> {
    /// Its name, as the tracker was given it.
    pub node: &'a str,
    /// What it is.
    pub role: Role,
    /// Why this one: worth a metric.
    pub because: Because,
}

/// Why a node was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// A replica that has replayed the position (or no position was asked for).
    Replayed,
    /// The primary: replicas answered, and none is far enough. The nearest lacks this much, where that can be told.
    Behind {
        /// How far the nearest replica is from the position.
        nearest: Option<Distance>,
    },
    /// The primary: no replica has answered lately.
    NoReplica,
    /// The primary: the position is of another stream than the primary's, as after a failover. The write may be lost.
    OtherStream,
}

/// Why no node can be named.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoNode {
    /// No node at all can be trusted now.
    #[error("no node has answered in the last {trust:?}")]
    Silence {
        /// How long an answer is trusted.
        trust: Duration,
    },
    /// Replicas answered, but none has what is asked for, and no node says that it is the primary.
    #[error(
        "no replica has replayed the position, and no node said in the last {trust:?} that it is the primary"
    )]
    NoPrimary {
        /// How long an answer is trusted.
        trust: Duration,
        /// The node that last said so, before that.
        last: Option<Arc<str>>,
    },
    /// No replica has what is asked for, and two nodes take writes.
    #[error(
        "no replica has replayed the position, and both `{one}` and `{other}` say that they are the primary: make all but one read-only"
    )]
    TwoPrimaries {
        /// One of them.
        one: Arc<str>,
        /// Another.
        other: Arc<str>,
    },
}
