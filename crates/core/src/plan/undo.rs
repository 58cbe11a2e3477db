//! Plans backward: on each shard the newest first, by the order they were installed.

use super::{
    compose::{self, Parts},
    error::PlanError,
    files::Files,
    gather::held_shards,
    held::HoldReason,
    input::{Candidate, Input},
    parts::{Plan, Stage, StageKind, Work},
    waves,
};
use crate::{
    fleet::ShardName,
    history::Reading,
    migration::{Migration, MigrationId, Phase, Version},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// How far back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UndoTarget {
    /// The highest version that any shard in scope has, wherever it is.
    Latest,
    /// Everything above the version; `0` is everything.
    BackTo(Version),
}

/// Plans to take versions back: waves as forward, gated as a contract. A missing undo file refuses up front.
pub fn undo(input: &Input<'_>, target: &UndoTarget) -> Result<Plan, PlanError> {
    let files = Files::of(input.migrations)?;
    compose::check_names(input)?;
    check_target(input, &files, target)?;
    compose::refuse_changed(input)?;

    let latest = readings(input).filter_map(highest).max();
    let goes = |version: &Version| match target {
        UndoTarget::Latest => Some(version) == latest,
        UndoTarget::BackTo(back) => version > back,
    };
    let mut lists: HashMap<*const Reading, Arc<[Version]>> = HashMap::new();
    let mut with_work: Vec<&Candidate> = Vec::new();
    let mut of: HashMap<&ShardName, Arc<[Version]>> = HashMap::new();
    for (candidate, reading) in input.readings().filter(|(c, _)| input.in_scope(c)) {
        let list = lists
            .entry(Arc::as_ptr(reading))
            .or_insert_with(|| newest_first(reading).filter(|v| goes(v)).cloned().collect());
        if !list.is_empty() && reading.failed.is_empty() {
            with_work.push(candidate);
            of.insert(&candidate.shard.name, list.clone());
        }
    }
    refuse_missing(&files, &of)?;

    let versions: BTreeSet<&Version> = of.values().flat_map(|list| list.iter()).collect();
    let migrations: Vec<&Migration> = versions
        .iter()
        .rev()
        .filter_map(|version| files.undo_of(version))
        .collect();
    compose::refuse_unbuilt(migrations.iter().map(|migration| (*migration, false)))?;
    compose::refuse_unable_online(input, migrations.iter().copied())?;
    let waves = waves::assign(input, &with_work)?;
    let shards = compose::in_order_of(&waves, &with_work);
    let stages = if shards.is_empty() {
        Vec::new()
    } else {
        vec![Stage {
            kind: StageKind::Undo,
            phase: Phase::Contract,
            migrations: migrations.iter().map(|m| m.id.clone()).collect(),
            work: share(shards.iter().map(|shard| &shard.name), &of),
        }]
    };
    let failed = failed_before(input);
    let held = held_shards(
        input,
        |reading| newest_first(reading).any(goes),
        |shard| failed.get(shard).map_or(&[], Vec::as_slice),
    );
    Ok(compose::finish(
        input,
        Parts {
            migrations: migrations.iter().map(|m| compose::describe(m)).collect(),
            shards,
            waves,
            stages,
            held,
        },
    ))
}

/// Shards that take the same versions back, in the same order, share an entry.
fn share<'a>(
    shards: impl Iterator<Item = &'a ShardName>,
    of: &HashMap<&ShardName, Arc<[Version]>>,
) -> Vec<Work> {
    let mut work: Vec<Work> = Vec::new();
    let mut entries: HashMap<&[Version], usize> = HashMap::new();
    for shard in shards {
        let list = &of[shard];
        let entry = *entries.entry(list).or_insert_with(|| {
            work.push(Work {
                migrations: list.iter().cloned().map(MigrationId::Undo).collect(),
                shards: Vec::new(),
            });
            work.len() - 1
        });
        work[entry].shards.push(shard.clone());
    }
    work
}

fn refuse_missing(
    files: &Files<'_>,
    of: &HashMap<&ShardName, Arc<[Version]>>,
) -> Result<(), PlanError> {
    let mut missing: BTreeMap<&Version, BTreeSet<&ShardName>> = BTreeMap::new();
    for (shard, list) in of {
        for version in list.iter().filter(|v| files.undo_of(v).is_none()) {
            missing.entry(version).or_default().insert(shard);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let shards: BTreeSet<&ShardName> = missing.values().flatten().copied().collect();
    Err(PlanError::MissingUndo {
        missing: (missing.into_keys().cloned())
            .map(MigrationId::Versioned)
            .collect(),
        shards: shards.into_iter().cloned().collect(),
    })
}

fn check_target(
    input: &Input<'_>,
    files: &Files<'_>,
    target: &UndoTarget,
) -> Result<(), PlanError> {
    let UndoTarget::BackTo(to) = target else {
        return Ok(());
    };
    let zero: Option<Version> = "0".parse().ok();
    let on_disk = files.versioned().any(|(_, version, _)| version == to);
    let applied = || readings(input).any(|reading| newest_first(reading).any(|v| v == to));
    let baseline = || readings(input).any(|reading| reading.baseline.as_ref() == Some(to));
    if zero.as_ref() == Some(to) || on_disk || applied() || baseline() {
        return Ok(());
    }
    Err(PlanError::UnknownVersion {
        to: to.clone(),
        nearest: compose::nearest(
            to.as_str(),
            files.versioned().map(|(_, version, _)| version.as_str()),
        ),
    })
}

fn failed_before<'a>(input: &'a Input<'_>) -> HashMap<&'a ShardName, Vec<HoldReason>> {
    input
        .readings()
        .filter(|(_, reading)| !reading.failed.is_empty())
        .map(|(candidate, reading)| {
            let reasons = reading.failed.iter().map(|id| HoldReason::FailedBefore {
                migration: id.clone(),
            });
            (&candidate.shard.name, reasons.collect())
        })
        .collect()
}

/// Each reading once, of shards in scope.
fn readings<'a>(input: &'a Input<'_>) -> impl Iterator<Item = &'a Reading> {
    let mut seen = BTreeSet::new();
    input
        .readings()
        .filter(|(candidate, _)| input.in_scope(candidate))
        .filter(move |(_, reading)| seen.insert(Arc::as_ptr(reading)))
        .map(|(_, reading)| &**reading)
}

fn highest(reading: &Reading) -> Option<&Version> {
    newest_first(reading).max()
}

fn newest_first(reading: &Reading) -> impl Iterator<Item = &Version> {
    reading.by_rank.iter().rev().filter_map(|id| match id {
        MigrationId::Versioned(version) => Some(version),
        MigrationId::Repeatable(_) | MigrationId::Undo(_) => None,
    })
}
