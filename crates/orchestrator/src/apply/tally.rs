//! Counts what a run came to.

use super::{Counts, Summary, Verdict, opening::Opened};
use crate::{
    Exit,
    dispatcher::Ending,
    planning::NAMED_NO_MORE,
    setup::Setup,
    survey::{Sighting, Surveyed},
};
use greylag_core::{
    fleet::ShardName,
    gate::WaitReason,
    migration::MigrationId,
    plan::{HoldReason, Plan},
    rollout::{Progress, Rollout},
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

/// Of a run that worked on a rollout.
pub fn summarise(
    setup: &Setup,
    opened: &Opened,
    surveyed: &Surveyed,
    ending: Ending,
    only: Option<&BTreeSet<ShardName>>,
    begun: Instant,
) -> Summary {
    let now = Timestamp::now();
    let state = &opened.ledger.state;
    let shards = state.summary(now).shards;
    let unreached = unreached(surveyed, only.is_none() && opened.plan.scope.only.is_none());
    let held = held_shards(&opened.plan, surveyed);
    let total = setup.fleet.shards.len();
    let behind = match &ending {
        Ending::Waiting(reasons) if reasons.is_empty() => {
            only.and_then(|only| wave_ahead(opened, only))
        }
        _ => None,
    };
    let (verdict, exit_code) = match behind {
        Some(_) => (Verdict::Waiting, Exit::Waiting.code()),
        None => (
            state.verdict(now),
            with_holds(state.exit_code(now), &opened.plan),
        ),
    };
    let waiting: Vec<WaitReason> = match &ending {
        Ending::Waiting(reasons) => behind.into_iter().chain(reasons.clone()).collect(),
        Ending::Finished | Ending::Interrupted => state.waits(now),
    };
    let stopped = match ending {
        Ending::Interrupted => Some("interrupted".to_owned()),
        Ending::Finished | Ending::Waiting(_) => None,
    };
    Summary {
        kind: "summary".into(),
        verdict,
        exit_code,
        finished: Vec::new(),
        rollout: Some(opened.ledger.rollout.clone()),
        digest: Some(opened.plan.digest.clone()),
        shards: Counts {
            total,
            up_to_date: total
                .saturating_sub(opened.plan.shards().len())
                .saturating_sub(surveyed.unreachable().count())
                .saturating_sub(held.len()),
            done: shards.applied as usize,
            changed: opened.ledger.changed().len(),
            pending: (shards.pending + shards.running) as usize,
            failed: shards.failed as usize,
            unknown: shards.unknown as usize,
            skipped: shards.skipped as usize,
            held: held.len(),
            unreached: unreached.len(),
        },
        migrations_applied: opened.ledger.applied(),
        failed: state
            .failures()
            .map(|(shard, failure)| (shard.clone(), failure.clone()))
            .collect(),
        changed: opened.ledger.changed().clone(),
        having: having(state, surveyed),
        unknown: state
            .doubts()
            .map(|(shard, doubt)| (shard.clone(), doubt.clone()))
            .collect(),
        unreached,
        held: opened.plan.held.clone(),
        waiting: if state.has_ended() {
            Vec::new()
        } else {
            waiting
        },
        stopped,
        millis: begun.elapsed().as_millis() as u64,
    }
}

/// The wave that shards asked for by `--only` are behind, where that is all that keeps a run from them: nothing has failed, and
/// it changed nothing.
fn wave_ahead(opened: &Opened, only: &BTreeSet<ShardName>) -> Option<WaitReason> {
    let (state, plan) = (&opened.ledger.state, &opened.plan);
    let troubled = state.failures().next().is_some() || state.in_flight().next().is_some();
    if troubled || !opened.ledger.changed().is_empty() {
        return None;
    }
    let (stage, _) = state.current()?;
    let is_pending =
        |at: usize, shard: &ShardName| state.shard_progress(at, shard) == Some(Progress::Pending);
    let (wave, pending) = plan.waves.iter().find_map(|wave| {
        let pending = wave.shards.iter().filter(|shard| is_pending(stage, shard));
        let pending = pending.count();
        (pending > 0).then_some((wave, pending))
    })?;
    let waits = |shard: &ShardName| {
        !(is_pending(stage, shard) && wave.shards.contains(shard))
            && (stage..plan.stages.len()).any(|at| is_pending(at, shard))
    };
    only.iter().any(waits).then(|| WaitReason::Wave {
        name: wave.name.clone(),
        pending: pending as u32,
    })
}

/// How many shards have each migration that failed somewhere: from before, or from this rollout.
fn having(state: &Rollout, surveyed: &Surveyed) -> BTreeMap<MigrationId, usize> {
    let failed: BTreeSet<&MigrationId> = state
        .failures()
        .filter_map(|(_, failure)| failure.migration.as_ref())
        .collect();
    let has = |shard: &Sighting, id: &MigrationId| {
        let before = (shard.seen.as_ref()).is_ok_and(|seen| seen.reading.applied.contains(id));
        before || state.has_applied(&shard.name, id)
    };
    failed
        .into_iter()
        .map(|id| {
            let shards = surveyed.shards.iter().filter(|shard| has(shard, id));
            (id.clone(), shards.count())
        })
        .collect()
}

/// Of a run that found every shard as it should be.
pub fn nothing_to_do(setup: &Setup, surveyed: &Surveyed, plan: &Plan, begun: Instant) -> Summary {
    let unreached = unreached(surveyed, plan.scope.only.is_none());
    let held = held_shards(plan, surveyed);
    let total = setup.fleet.shards.len();
    Summary {
        kind: "summary".into(),
        verdict: Verdict::Done,
        exit_code: with_holds(Exit::Done.code(), plan),
        finished: Vec::new(),
        rollout: None,
        digest: Some(plan.digest.clone()),
        shards: Counts {
            total,
            up_to_date: total
                .saturating_sub(surveyed.unreachable().count())
                .saturating_sub(held.len()),
            held: held.len(),
            unreached: unreached.len(),
            ..Counts::default()
        },
        migrations_applied: 0,
        failed: BTreeMap::new(),
        changed: BTreeSet::new(),
        having: BTreeMap::new(),
        unknown: BTreeMap::new(),
        unreached,
        held: plan.held.clone(),
        waiting: Vec::new(),
        stopped: None,
        millis: begun.elapsed().as_millis() as u64,
    }
}

/// A run that left something behind that somebody must mend is not done: nobody may take it for that.
pub fn with_holds(code: u8, plan: &Plan) -> u8 {
    let to_mend = || plan.held.iter().filter(|held| held.must_be_mended());
    let is_refusal = |reason: &HoldReason| {
        matches!(
            reason,
            HoldReason::Subscriber { .. } | HoldReason::Refused { .. }
        )
    };
    match Exit::from_code(code) {
        Exit::Done if to_mend().flat_map(|held| &held.reasons).any(is_refusal) => {
            Exit::Refused.code()
        }
        Exit::Done if to_mend().next().is_some() => Exit::Problems.code(),
        _ => code,
    }
}

/// Those of the fleet; where `all` of it was asked for, those too that it should have and names no more.
fn unreached(surveyed: &Surveyed, all: bool) -> BTreeMap<ShardName, String> {
    let missing = surveyed.missing.iter().filter(|_| all);
    surveyed
        .unreachable()
        .map(|(name, unseen)| (name.clone(), unseen.why.clone()))
        .chain(missing.map(|known| (known.name.clone(), NAMED_NO_MORE.to_owned())))
        .collect()
}

/// Shards without work of their own in the plan that something holds; unreachable ones are told apart.
fn held_shards(plan: &Plan, surveyed: &Surveyed) -> BTreeSet<ShardName> {
    let of_plan: BTreeSet<&ShardName> = plan.shards().iter().map(|shard| &shard.name).collect();
    let is_unreachable = |reason: &HoldReason| matches!(reason, HoldReason::Unreachable { .. });
    let mut all: BTreeSet<ShardName> = BTreeSet::new();
    for held in plan
        .held
        .iter()
        .filter(|h| !h.reasons.iter().any(is_unreachable))
    {
        match &held.migration {
            // Wherever it is pending. What lies beyond `--to` is nothing that these shards lack.
            Some(id) if held.shards.is_empty() && !held.is_unasked() => {
                all.extend(lacking(surveyed, id).cloned());
            }
            _ => all.extend(held.shards.iter().cloned()),
        }
    }
    all.retain(|shard| !of_plan.contains(shard));
    all
}

fn lacking<'a>(surveyed: &'a Surveyed, id: &'a MigrationId) -> impl Iterator<Item = &'a ShardName> {
    let lacks = |shard: &&Sighting| {
        (shard.seen.as_ref()).is_ok_and(|seen| seen.reading.pending.contains(id))
    };
    surveyed
        .shards
        .iter()
        .filter(lacks)
        .map(|shard| &shard.name)
}
