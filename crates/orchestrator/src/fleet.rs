//! The fleet as discovery hands it over: each shard with the way to reach it.
//!
//! Knows no project file and no discovery; those make one of these.

use greylag_core::fleet::{Shard, ShardName};
use greylag_engines::Target;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// All shards of a project in one environment.
#[derive(Clone, Debug)]
pub struct Fleet {
    pub project: Arc<str>,
    pub environment: Arc<str>,
    /// Names are unique: discovery sees to it.
    pub shards: Vec<FleetShard>,
}

/// A shard and the way to its primary.
#[derive(Clone, Debug)]
pub struct FleetShard {
    pub shard: Shard,
    /// `application` is set by the orchestrator for each run.
    pub target: Target,
    /// Placeholders of this shard alone; they win over the project's.
    pub placeholders: Arc<BTreeMap<String, String>>,
}

impl Fleet {
    /// All shards, or those of `only`, in the fleet's order.
    pub fn wanted(&self, only: Option<&BTreeSet<ShardName>>) -> Vec<&FleetShard> {
        self.shards
            .iter()
            .filter(|shard| only.is_none_or(|only| only.contains(&shard.shard.name)))
            .collect()
    }

    pub fn get(&self, name: &ShardName) -> Option<&FleetShard> {
        self.shards.iter().find(|shard| shard.shard.name == *name)
    }

    /// The first shard by name, whose lock keeps orchestrators with other state stores out.
    pub fn anchor(&self) -> Option<&FleetShard> {
        self.shards
            .iter()
            .min_by(|a, b| a.shard.name.cmp(&b.shard.name))
    }
}
