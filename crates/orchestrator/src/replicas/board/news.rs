//! What the dispatcher asks of a shard's nodes, and what it is told of them.

use greylag_core::{
    fleet::ShardName,
    gate::WaitReason,
    history::HistoryRow,
    node::{Finding, Lag, NodeName},
    position::Position,
    survey::Server,
};
use std::sync::Arc;

/// Says whether a node's history shows all of a shard's work.
pub type Shows = Arc<dyn Fn(&[HistoryRow]) -> bool + Send + Sync>;

/// What a shard's nodes have to replay.
#[derive(Clone)]
pub struct Awaited {
    pub stage: usize,
    /// None: only the history can tell.
    pub position: Option<Position>,
    pub shows: Shows,
}

/// What the dispatcher is told of shards that are waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    Replayed {
        stage: usize,
        shard: ShardName,
    },
    Overdue {
        stage: usize,
        shard: ShardName,
        nodes: Vec<NodeName>,
    },
    /// This server is a node of the shard: expected from now on, and no stranger once it is promoted.
    Proven {
        shard: ShardName,
        server: Server,
        /// The primary that it was seen to get changes from.
        follows: Option<Server>,
        /// What its own primary calls it; none where the project does.
        name: Option<Arc<str>>,
    },
    /// The node's name leads to the shard's primary, which was this node before: it is not waited for while it does.
    Aside {
        node: NodeName,
        /// Nobody else of the shard is waited for.
        last: bool,
    },
    /// A node of the shard accepts writes, and its primary does not: a failover, most likely.
    Promoted {
        shard: ShardName,
    },
    Waits {
        stage: usize,
        shard: ShardName,
        reasons: Vec<WaitReason>,
    },
    /// Something is wrong with a node, and holds nothing.
    Found {
        node: NodeName,
        finding: Finding,
    },
    /// A guarded node is left out, as the project has it, because it is catching up.
    LeftOut {
        node: NodeName,
        lag: Lag,
    },
    /// … and counts again: it has caught up.
    CountsAgain {
        node: NodeName,
    },
}
