//! Nodes as the project names them.

use crate::{
    discover::Found,
    project::{ReplicaSettings, Replicas},
};
use greylag_core::{
    engine,
    fleet::{Shard, ShardName},
    node::{Intake, NodeName, NodePolicy, NodeRole},
};
use greylag_engines::Target;
use jiff::Timestamp;
use std::{collections::BTreeMap, sync::Arc};

/// What the project says of nodes.
#[derive(Clone, Debug, Default)]
pub struct Replication {
    pub settings: Arc<ReplicaSettings>,
    /// Shards whose nodes are named, or asked for. Others have none that anybody watches.
    pub shards: Arc<BTreeMap<ShardName, Named>>,
}

/// A shard's nodes beside its primary.
#[derive(Clone, Debug)]
pub enum Named {
    /// Those that the primary says it has.
    Auto,
    /// These and no others.
    Listed(Vec<NamedNode>),
}

/// A node and the way to it.
#[derive(Clone, Debug)]
pub struct NamedNode {
    pub node: NodeName,
    pub role: NodeRole,
    pub policy: NodePolicy,
    /// Of a subscriber: which migrations it gets.
    pub intake: Intake,
    pub target: Target,
}

impl Replication {
    /// Of a project and what discovery found.
    pub fn of(settings: &ReplicaSettings, found: &Found) -> Self {
        let shards = found.fleet.shards.iter().zip(&found.replicas);
        let named = shards.filter_map(|(shard, replicas)| {
            let name = &shard.shard.name;
            let named = match replicas {
                Replicas::Unstated => return None,
                Replicas::Auto => Named::Auto,
                Replicas::Listed(list) => Named::Listed(
                    list.iter()
                        .map(|replica| NamedNode {
                            node: NodeName {
                                shard: name.clone(),
                                node: replica.name.as_str().into(),
                            },
                            role: replica.role,
                            policy: replica.policy.clone(),
                            intake: replica.intake,
                            target: Target {
                                engine: replica.address.engine,
                                url: replica.address.url.clone(),
                                // What a person logs in with is a matter of the shard, not of each node.
                                ..shard.target.clone()
                            },
                        })
                        .collect(),
                ),
            };
            Some((name.clone(), named))
        });
        Self {
            settings: Arc::new(settings.clone()),
            shards: Arc::new(named.collect()),
        }
    }

    /// The shard's guarded nodes of a role, as far as the project names them.
    pub fn guarded(&self, shard: &ShardName, role: NodeRole) -> Vec<NamedNode> {
        let Some(Named::Listed(list)) = self.of_shard(shard) else {
            return Vec::new();
        };
        let now = Timestamp::now();
        let guarded = |node: &&NamedNode| node.role == role && node.policy.guards(now);
        list.iter().filter(guarded).cloned().collect()
    }

    /// Who is to be looked at of a shard: the nodes that the project names, beside its primary; the primary alone where there is a
    /// limit on primaries. None where nothing is asked of any.
    pub fn watched(&self, shard: &Shard) -> Option<Named> {
        let minds = || {
            self.settings.limits.mind_primaries()
                && shard.engine.facts().replication != engine::Replication::None
        };
        match self.of_shard(&shard.name) {
            Some(named) => Some(named.clone()),
            None => minds().then(|| Named::Listed(Vec::new())),
        }
    }

    /// The shard's nodes, if any are to be waited for. A list that is empty says: there are none.
    pub fn of_shard(&self, shard: &ShardName) -> Option<&Named> {
        self.shards.get(shard).filter(|named| match named {
            Named::Auto => true,
            Named::Listed(list) => !list.is_empty(),
        })
    }
}

/// Why none of the nodes is waited for, though some are named: a person must have meant some to be.
pub fn why_none_counts(list: &[NamedNode], now: Timestamp) -> Option<String> {
    let ignored = |node: &NamedNode| {
        matches!(node.policy, NodePolicy::Ignore { .. }) && !node.policy.guards(now)
    };
    (!list.is_empty() && list.iter().all(ignored)).then(|| {
        format!(
            "all {} of them are ignored; write `policy = \"observe\"` where a rollout is meant to go on without",
            list.len()
        )
    })
}
