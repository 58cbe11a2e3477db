//! What the looks before saw, for who looks again and again: what has happened since can be told then, and how long ago the
//! primary was where a replica is now.

use greylag_core::{
    fleet::ShardName,
    node::{NodeName, NodeSighting, Trail},
    position::Distance,
};
use std::collections::BTreeMap;

/// Empty for who looks once.
#[derive(Debug, Default)]
pub struct Earlier {
    nodes: BTreeMap<NodeName, (NodeSighting, Option<Distance>)>,
    trails: BTreeMap<ShardName, Trail>,
}

impl Earlier {
    /// The look at a node before this one, and how far behind it was then.
    pub(super) fn before(&self, node: &NodeName) -> Option<(&NodeSighting, Option<Distance>)> {
        let (seen, distance) = self.nodes.get(node)?;
        Some((seen, *distance))
    }

    pub(super) fn keep(&mut self, node: NodeName, seen: NodeSighting, distance: Option<Distance>) {
        self.nodes.insert(node, (seen, distance));
    }

    /// Where the shard's primary was when, this look included.
    pub(super) fn trail(&mut self, shard: &ShardName, primary: Option<&NodeSighting>) -> Trail {
        let trail = self.trails.entry(shard.clone()).or_default();
        if let Some((seen, position)) =
            primary.and_then(|seen| Some((seen, seen.position.as_ref()?)))
        {
            trail.note(seen.at, position);
        }
        trail.clone()
    }
}
