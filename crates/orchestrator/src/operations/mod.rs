//! Verbs that mend single shards, under their lock, beside any rollout: baseline, repair, undo, accept, rebrand, forget.

mod report;

pub use report::{OperationReport, ShardReport, ShardResult};

use crate::{apply::ApplyError, setup::Setup, watch::Watcher};
use greylag_core::{
    fleet::ShardName,
    migration::{MigrationId, Version},
};
use std::{collections::BTreeSet, sync::Arc};

/// `greylag baseline V`: marks shards that have no history as being at a version, and claims them.
pub async fn baseline(
    setup: &Setup,
    only: Option<&BTreeSet<ShardName>>,
    version: &Version,
    description: &str,
    watcher: Arc<dyn Watcher>,
) -> Result<OperationReport, ApplyError> {
    let _ = (setup, only, version, description, watcher);
    todo!()
}

/// `greylag repair [V --reason]`: removes failed rows, re-checksums changed files.
pub async fn repair(
    setup: &Setup,
    only: Option<&BTreeSet<ShardName>>,
    migration: Option<&MigrationId>,
    reason: &str,
    dry_run: bool,
    watcher: Arc<dyn Watcher>,
) -> Result<OperationReport, ApplyError> {
    let _ = (setup, only, migration, reason, dry_run, watcher);
    todo!()
}

/// `greylag fleet accept SHARD --reason`: the shard moved, and is believed at its new place.
pub async fn accept(
    setup: &Setup,
    shard: &ShardName,
    reason: &str,
) -> Result<ShardReport, ApplyError> {
    let _ = (setup, shard, reason);
    todo!()
}

/// `greylag fleet rebrand SHARD --reason`: the database is a copy, and gets an identity of its own.
pub async fn rebrand(
    setup: &Setup,
    shard: &ShardName,
    reason: &str,
) -> Result<ShardReport, ApplyError> {
    let _ = (setup, shard, reason);
    todo!()
}

/// `greylag fleet forget SHARD --reason`: the shard is expected no more. Says whether it was known.
pub async fn forget(setup: &Setup, shard: &ShardName, reason: &str) -> Result<bool, ApplyError> {
    let _ = (setup, shard, reason);
    todo!()
}
