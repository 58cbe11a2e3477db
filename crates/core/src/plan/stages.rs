//! Stages: the union of what runs anywhere, cut where the phase changes, and who lacks what of each.

use super::{
    files::Files,
    parts::{Stage, StageKind, Work},
};
use crate::{fleet::ShardName, migration::Phase};
use std::collections::{BTreeSet, HashMap};

/// A stage by the numbers of its migrations.
#[derive(Debug)]
pub(super) struct Cut {
    pub kind: StageKind,
    pub phase: Phase,
    pub numbers: Vec<u32>,
}

/// The newcomers' lane, then versions cut where the phase changes, then repeatables.
pub(super) fn cut(lane: &BTreeSet<u32>, runs: &BTreeSet<u32>, files: &Files<'_>) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = Vec::new();
    if !lane.is_empty() {
        cuts.push(Cut {
            kind: StageKind::Newcomers,
            phase: Phase::Expand,
            numbers: lane.iter().copied().collect(),
        });
    }
    for &number in runs {
        let migration = files.get(number);
        let (kind, phase) = if migration.id.is_repeatable() {
            (StageKind::Repeatable, Phase::Expand)
        } else {
            (StageKind::Versioned, migration.directives.phase)
        };
        match cuts.last_mut() {
            Some(cut) if cut.kind == kind && cut.phase == phase => cut.numbers.push(number),
            _ => cuts.push(Cut {
                kind,
                phase,
                numbers: vec![number],
            }),
        }
    }
    cuts
}

/// Fills a stage. `lacks` says, by shard in plan order, what the shard runs of it (shards that read alike
/// hand in the same slice).
pub(super) fn fill<'a>(
    cut: &Cut,
    lacks: impl Iterator<Item = (&'a ShardName, &'a [u32])>,
    files: &Files<'_>,
) -> Stage {
    let id = |number: &u32| files.get(*number).id.clone();
    let mut work: Vec<Work> = Vec::new();
    let mut entries: HashMap<&[u32], usize> = HashMap::new();
    for (shard, numbers) in lacks.filter(|(_, numbers)| !numbers.is_empty()) {
        let entry = *entries.entry(numbers).or_insert_with(|| {
            work.push(Work {
                migrations: numbers.iter().map(id).collect(),
                shards: Vec::new(),
            });
            work.len() - 1
        });
        work[entry].shards.push(shard.clone());
    }
    Stage {
        kind: cut.kind,
        phase: cut.phase,
        migrations: cut.numbers.iter().map(id).collect(),
        work,
    }
}
