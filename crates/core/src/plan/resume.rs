//! Taking up an unfinished rollout when files may have changed since its plan was made.

use super::{
    error::ChangedFile,
    parts::{PlannedMigration, Wave},
};
use crate::{
    fleet::ShardName,
    history::Reading,
    migration::{Migration, MigrationId},
    rollout::Rollout,
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

/// How to go on with an unfinished rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// The files are as they were.
    Continue,
    /// There are new files: the old plan is finished, then it is planned anew.
    ContinueThenPlanAnew { new: Vec<MigrationId> },
    /// Something is in flight or unknown, yet to be replayed, or a `verify` query said no, and a planned file has changed: these are settled
    /// first, for the successor has that work behind it and would not ask. It is to have these waves, and take the shards that have failed so
    /// far first. A pause is somebody's word, and no successor is made past it: what there is is settled, then it is waited for `resume`.
    SettleFirst {
        shards: Vec<ShardName>,
        paused: bool,
        waves: Vec<Wave>,
        first: Vec<ShardName>,
    },
    /// The rollout ends superseded; the successor starts with these waves and takes the failed shards first.
    Supersede {
        waves: Vec<Wave>,
        first: Vec<ShardName>,
        differences: Vec<Difference>,
    },
    /// A planned file changed or went that some shard has: nothing is touched.
    Refuse { changed: Vec<ChangedFile> },
}

/// A planned file that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub migration: MigrationId,
    /// The file is not there any more; otherwise its text or configuration changed.
    pub gone: bool,
}

/// Decides from the old rollout, the files as they are now, and what was just read of shards against these files.
///
/// A shard whose history can't be read counts as having what the rollout recorded.
pub fn resume(
    rollout: &Rollout,
    migrations: &[Migration],
    readings: &HashMap<ShardName, Arc<Reading>>,
) -> Resume {
    let now: HashMap<&MigrationId, &Migration> =
        migrations.iter().map(|file| (&file.id, file)).collect();
    let plan = rollout.plan();
    let differences: Vec<(&PlannedMigration, Option<&Migration>)> = plan
        .migrations
        .iter()
        .map(|planned| (planned, now.get(&planned.id).copied()))
        .filter(|(planned, file)| file.is_none_or(|file| planned.differs(file)))
        .collect();
    if differences.is_empty() {
        return without_differences(rollout, readings);
    }
    let changed: Vec<ChangedFile> = differences
        .iter()
        .flat_map(|(planned, file)| held_by_shards(rollout, planned, *file, readings))
        .collect();
    if !changed.is_empty() {
        return Resume::Refuse { changed };
    }
    let replaying = rollout.replaying().map(|(shard, _)| shard);
    let unsettled: BTreeSet<&ShardName> = (rollout.in_flight())
        .chain(rollout.unverified())
        .chain(replaying)
        .collect();
    let first = rollout.failures().map(|(shard, _)| shard.clone()).collect();
    let paused = rollout.is_paused();
    if !unsettled.is_empty() || paused {
        return Resume::SettleFirst {
            shards: unsettled.into_iter().cloned().collect(),
            paused,
            waves: plan.waves.clone(),
            first,
        };
    }
    Resume::Supersede {
        waves: plan.waves.clone(),
        first,
        differences: differences
            .iter()
            .map(|(planned, file)| Difference {
                migration: planned.id.clone(),
                gone: file.is_none(),
            })
            .collect(),
    }
}

fn without_differences(rollout: &Rollout, readings: &HashMap<ShardName, Arc<Reading>>) -> Resume {
    let plan = rollout.plan();
    let known: HashSet<&MigrationId> = (plan.migrations.iter().map(|planned| &planned.id))
        .chain(plan.held.iter().filter_map(|held| held.migration.as_ref()))
        .collect();
    let mut seen = HashSet::new();
    let mut new: Vec<MigrationId> = readings
        .values()
        .filter(|reading| seen.insert(Arc::as_ptr(reading)))
        .flat_map(|reading| &reading.pending)
        .filter(|id| !known.contains(id))
        .cloned()
        .collect();
    new.sort();
    new.dedup();
    if new.is_empty() {
        Resume::Continue
    } else {
        Resume::ContinueThenPlanAnew { new }
    }
}

/// The shards that have the migration with another checksum than the file's now, by that checksum.
///
/// A shard that was repaired agrees with the file already. A repeatable or an undo file may always change.
fn held_by_shards(
    rollout: &Rollout,
    planned: &PlannedMigration,
    file: Option<&Migration>,
    readings: &HashMap<ShardName, Arc<Reading>>,
) -> Vec<ChangedFile> {
    if !matches!(planned.id, MigrationId::Versioned(_)) {
        return Vec::new();
    }
    let now = file.map(|file| file.checksum);
    let mut by_checksum: BTreeMap<Option<i32>, Vec<ShardName>> = BTreeMap::new();
    let mut has = |shard: &ShardName, checksum| {
        by_checksum.entry(checksum).or_default().push(shard.clone());
    };
    for (shard, reading) in readings {
        let change = reading.changed.iter().find(|c| c.migration == planned.id);
        if let Some(change) = change {
            has(shard, change.applied);
        } else if file.is_none() && reading.applied.contains(&planned.id) {
            has(shard, Some(planned.checksum));
        }
    }
    let unread = |shard: &&ShardName| !readings.contains_key(*shard);
    let names = rollout.plan().shards().iter().map(|shard| &shard.name);
    for shard in names.filter(unread) {
        if now != Some(planned.checksum) && rollout.has_applied(shard, &planned.id) {
            has(shard, Some(planned.checksum));
        }
    }
    by_checksum
        .into_iter()
        .map(|(applied, mut shards)| {
            shards.sort();
            ChangedFile {
                migration: planned.id.clone(),
                applied,
                file: now,
                shards,
            }
        })
        .collect()
}
