//! What a rollout tells of itself without changing.

use super::{
    command::Progress,
    state::{Cursor, Rollout},
};
use crate::{
    fleet::ShardName,
    gate::WaitReason,
    migration::MigrationId,
    outcome::{Doubt, Failure, FailureClass},
    plan::Plan,
};
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc};

impl Rollout {
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan.0
    }

    /// When it was taken up for the first time.
    pub fn taken_up(&self) -> Timestamp {
        self.taken_up
    }

    /// The lease's epoch of whoever spoke last.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The stage and wave under way; the wave is none once all of the stage have gone, and none is returned once
    /// all stages are through.
    pub fn current(&self) -> Option<(usize, Option<usize>)> {
        let Cursor { stage, wave, .. } = self.cursor;
        (stage < self.plan.stages.len()).then(|| (stage, self.is_wave(wave).then_some(wave)))
    }

    /// Where a shard stands in a stage; none if the plan has no such shard or stage.
    pub fn shard_progress(&self, stage: usize, shard: &ShardName) -> Option<Progress> {
        let number = self.plan.index().number(shard)?;
        (stage < self.plan.stages.len()).then(|| self.progress_in(stage, number))
    }

    /// What is there of the shard's work in the current stage, as far as events have said.
    pub fn applied_so_far(&self, shard: &ShardName) -> &[MigrationId] {
        let Some(number) = self.plan.index().number(shard) else {
            return &[];
        };
        self.there(self.cursor.stage, number)
    }

    /// The same for any stage.
    pub fn applied_in(&self, stage: usize, shard: &ShardName) -> &[MigrationId] {
        match self.plan.index().number(shard) {
            Some(number) => self.there(stage, number),
            None => &[],
        }
    }

    /// Whether this rollout has recorded the migration as applied there.
    pub fn has_applied(&self, shard: &ShardName, migration: &MigrationId) -> bool {
        let Some(number) = self.plan.index().number(shard) else {
            return false;
        };
        let mut stages = 0..self.plan.stages.len();
        stages.any(|stage| self.there(stage, number).contains(migration))
            && !self.is_lost(number, migration)
    }

    /// What this rollout had applied there, stage by stage up to the current one, and whether it still is there: what is not was
    /// lost with a failover, and is run again before anything else of the shard.
    pub fn had(&self, shard: &ShardName) -> Vec<(MigrationId, bool)> {
        let Some(number) = self.plan.index().number(shard) else {
            return Vec::new();
        };
        (0..self.plan.stages.len())
            .flat_map(|stage| self.there(stage, number))
            .map(|id| (id.clone(), !self.is_lost(number, id)))
            .collect()
    }

    /// What of it is there.
    pub fn recorded(&self, shard: &ShardName) -> Vec<MigrationId> {
        let had = self.had(shard).into_iter();
        had.filter_map(|(id, there)| there.then_some(id)).collect()
    }

    /// What of it is not: the shard is not applied, in any stage, before it has that again.
    pub fn owed(&self, shard: &ShardName) -> Vec<MigrationId> {
        let had = self.had(shard).into_iter();
        had.filter_map(|(id, there)| (!there).then_some(id))
            .collect()
    }

    /// Shards whose work, or part of it, is there, and whose `verify` queries are to be asked again: a query changes nothing, and may be
    /// asked whatever stops the rollout. Nothing is started for it.
    pub fn to_ask_again(&self) -> impl Iterator<Item = &ShardName> {
        let numbers = self.verify_again.keys().copied();
        let asks = numbers.filter(|number| self.asks_again(*number));
        asks.map(|number| self.name(number))
    }

    pub(super) fn asks_again(&self, number: u32) -> bool {
        self.verify_again.contains_key(&number)
            && self.shards[number as usize].progress == Progress::Pending
            && !self.lost.contains_key(&number)
    }

    /// Shards whose work is there and whose `verify` queries have yet to say yes: they said no, or are to be asked again. Where a failover
    /// has lost what came before it, that work is gone with it: it is run, and asked about, anew.
    pub fn unverified(&self) -> impl Iterator<Item = &ShardName> {
        let said_no = |failure: &Failure| failure.class == FailureClass::Verify;
        let failed = self.failed.iter().filter(move |(_, one)| said_no(one));
        let numbers: BTreeSet<u32> = (failed.map(|(number, _)| *number))
            .chain(self.verify_again.keys().copied())
            .filter(|number| !self.lost.contains_key(number))
            .collect();
        numbers.into_iter().map(|number| self.name(number))
    }

    /// Shards that a person left out of the rest of it.
    pub fn skipped(&self) -> impl Iterator<Item = &ShardName> {
        let numbers = (0..).zip(&self.shards);
        let skipped = numbers.filter(|(_, shard)| shard.skipped_from.is_some());
        skipped.map(|(number, _)| self.name(number))
    }

    /// Failed shards and what each failed on.
    pub fn failures(&self) -> impl Iterator<Item = (&ShardName, &Failure)> {
        self.failed
            .iter()
            .map(|(n, failure)| (self.name(*n), failure))
    }

    /// Shards nobody knows about, and why.
    pub fn doubts(&self) -> impl Iterator<Item = (&ShardName, &Doubt)> {
        self.unknown.iter().map(|(n, doubt)| (self.name(*n), doubt))
    }

    /// Shards that were started and whose work is not known to be there, unknown ones among them.
    pub fn in_flight(&self) -> impl Iterator<Item = &ShardName> {
        let replaying = |number: &&u32| self.replaying.contains_key(number);
        (self
            .in_flight
            .iter()
            .filter(move |number| !replaying(number)))
        .map(|number| self.name(*number))
    }

    /// Shards whose work is there and whose nodes have yet to replay it, and whether they have taken longer than they may.
    pub fn replaying(&self) -> impl Iterator<Item = (&ShardName, bool)> {
        self.replaying
            .iter()
            .map(|(number, awaited)| (self.name(*number), awaited.overdue))
    }

    /// Why nodes hold it; empty while they don't.
    pub fn held(&self) -> &[WaitReason] {
        &self.held
    }

    /// Shards whose work is under way as far as anyone knows.
    pub fn running(&self) -> impl Iterator<Item = &ShardName> {
        let known = |number: &&u32| {
            !self.unknown.contains_key(number) && !self.replaying.contains_key(number)
        };
        (self.in_flight.iter().filter(known)).map(|number| self.name(*number))
    }

    /// Whether a person has paused it.
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Whether nothing more will happen: finished, or superseded.
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// What is recorded as applied of a shard's work in a stage.
    fn there(&self, stage: usize, number: u32) -> &[MigrationId] {
        let shard = &self.shards[number as usize];
        let work = self.plan.work_of(stage, number);
        let applied = match self.progress_in(stage, number) {
            Progress::Applied => work.len(),
            Progress::Skipped if shard.skipped_from != Some(stage) => 0,
            Progress::Skipped => shard.applied as usize,
            _ if stage == self.cursor.stage => shard.applied as usize,
            _ => 0,
        };
        &work[..applied.min(work.len())]
    }
}
