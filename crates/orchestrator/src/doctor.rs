//! Connects everywhere and says what stands in the way: privileges, poolers, settings.

use crate::{setup::Setup, watch::Watcher};
use greylag_core::fleet::ShardName;
use greylag_engines::Diagnosis;
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct ShardDiagnosis {
    pub shard: ShardName,
    pub address: String,
    /// A shard that can't be reached has one of level `problem`.
    pub lines: Vec<Diagnosis>,
}

/// One entry per shard, in the fleet's order.
pub async fn diagnose_fleet(setup: &Setup, watcher: &dyn Watcher) -> Vec<ShardDiagnosis> {
    let _ = (setup, watcher);
    todo!()
}
