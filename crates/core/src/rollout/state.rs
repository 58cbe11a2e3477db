//! What a rollout remembers, and how its cursor moves through stages and waves.

use super::{
    command::Progress,
    counts::Counts,
    order::{OutOfOrder, Why},
    ready::Ready,
};
use crate::{
    event::Stamped,
    fleet::ShardName,
    gate::WaitReason,
    migration::{MigrationId, Phase},
    outcome::{Doubt, Failure},
    plan::Plan,
};
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    ops::{Deref, Range},
    sync::Arc,
};

/// One plan being carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    pub(super) plan: Carried,
    /// Each shard's host, by number.
    pub(super) hosts: Arc<[u32]>,
    pub(super) taken_up: Timestamp,
    pub(super) started: bool,
    pub(super) epoch: u64,
    pub(super) end: Option<End>,
    pub(super) aborted: Option<(String, Option<String>)>,
    pub(super) paused: Option<(String, Option<String>)>,
    /// A gate said stop; it stands until a person resumes, even where the wave is skipped meanwhile.
    pub(super) gate_stop: Option<String>,
    pub(super) cursor: Cursor,
    pub(super) soak_until: Option<Timestamp>,
    /// By wave, and whether for contracts.
    pub(super) approved: BTreeSet<(usize, bool)>,
    pub(super) shards: Vec<ShardState>,
    /// By stage and wave; of later stages too.
    pub(super) counts: Vec<Vec<Counts>>,
    pub(super) in_flight: BTreeSet<u32>,
    pub(super) on_host: BTreeMap<u32, u32>,
    pub(super) ready: Ready,
    /// Of the current stage.
    pub(super) failed: BTreeMap<u32, Failure>,
    pub(super) unknown: BTreeMap<u32, Doubt>,
    /// Applied, but a `verify` query said no; it is asked again.
    pub(super) verify_again: BTreeMap<u32, MigrationId>,
    /// Shards whose schema this rollout has touched.
    pub(super) changed: u32,
}

/// The plan, which stands in debug output by its digest alone.
#[derive(Clone, PartialEq)]
pub(super) struct Carried(pub Arc<Plan>);

impl Deref for Carried {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.digest)
    }
}

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Aborted,
    Superseded,
}

/// Where the rollout stands: which stage, which wave of it, and that wave's gate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cursor {
    /// The number of stages once all are through.
    pub stage: usize,
    /// The number of waves once all of the stage have gone.
    pub wave: usize,
    pub gate: Gate,
    /// The first wave of the stage that went: a failure there stops regardless of the budget.
    pub canary: Option<usize>,
    /// Pending, running or unknown shards of the waves that have gone.
    pub open: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Gate {
    NotAsked,
    Waiting {
        again: Timestamp,
        reasons: Vec<WaitReason>,
        /// How often it has said so: asked again more and more slowly.
        times: u32,
    },
    Passed,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ShardState {
    /// In the current stage.
    pub progress: Progress,
    /// So many of the current stage's work are there.
    pub applied: u32,
    /// The stage from which on it is left out.
    pub skipped_from: Option<usize>,
    pub changed: bool,
}

impl Rollout {
    /// A rollout that nothing has happened to yet; its first event is `RolloutStarted`.
    pub fn new(plan: Arc<Plan>, at: Timestamp) -> Self {
        let count = plan.shards.len();
        let mut rollout = Self {
            hosts: number_hosts(&plan),
            taken_up: at,
            started: false,
            epoch: 0,
            end: None,
            aborted: None,
            paused: None,
            gate_stop: None,
            cursor: Cursor {
                stage: 0,
                wave: 0,
                gate: Gate::NotAsked,
                canary: None,
                open: 0,
            },
            soak_until: None,
            approved: BTreeSet::new(),
            shards: vec![
                ShardState {
                    progress: Progress::NoWork,
                    applied: 0,
                    skipped_from: None,
                    changed: false,
                };
                count
            ],
            counts: count_work(&plan),
            in_flight: BTreeSet::new(),
            on_host: BTreeMap::new(),
            ready: Ready::default(),
            failed: BTreeMap::new(),
            unknown: BTreeMap::new(),
            verify_again: BTreeMap::new(),
            changed: 0,
            plan: Carried(plan),
        };
        rollout.enter_stage(0);
        rollout.advance();
        rollout
    }

    /// Rebuilds a rollout from its journal: all of it, from sequence 1.
    pub fn replay(plan: Arc<Plan>, events: &[Stamped]) -> Result<Self, OutOfOrder> {
        let at = events
            .first()
            .map_or(Timestamp::UNIX_EPOCH, |first| first.at);
        let mut rollout = Self::new(plan, at);
        for (expected, stamped) in (1..).zip(events) {
            if stamped.sequence != expected {
                return Err(OutOfOrder {
                    event: Box::new(stamped.event.clone()),
                    why: Why::Sequence {
                        expected,
                        found: stamped.sequence,
                    },
                });
            }
            rollout.record(&stamped.event, stamped.at, stamped.epoch)?;
        }
        Ok(rollout)
    }

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
        (0..self.plan.stages.len()).any(|stage| self.there(stage, number).contains(migration))
    }

    /// The migration that is applied and whose `verify` queries are to be asked again.
    pub fn verify_again(&self, shard: &ShardName) -> Option<&MigrationId> {
        self.verify_again.get(&self.plan.index().number(shard)?)
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

    /// Shards that were started and have not ended, unknown ones among them.
    pub fn in_flight(&self) -> impl Iterator<Item = &ShardName> {
        self.in_flight.iter().map(|number| self.name(*number))
    }

    /// Shards whose work is under way as far as anyone knows.
    pub fn running(&self) -> impl Iterator<Item = &ShardName> {
        let known = |number: &&u32| !self.unknown.contains_key(number);
        (self.in_flight.iter().filter(known)).map(|number| self.name(*number))
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

    pub(super) fn name(&self, number: u32) -> &ShardName {
        &self.plan.shards[number as usize].name
    }

    pub(super) fn is_wave(&self, wave: usize) -> bool {
        wave < self.plan.waves.len()
    }

    pub(super) fn is_through(&self) -> bool {
        self.cursor.stage >= self.plan.stages.len()
    }

    pub(super) fn wave_of(&self, number: u32) -> usize {
        self.plan.index().wave(number)
    }

    pub(super) fn has_work(&self, stage: usize, number: u32) -> bool {
        self.plan.index().group(stage, number).is_some()
    }

    /// What an approval of the current wave would be for.
    pub(super) fn approval_key(&self, stage: usize, wave: usize) -> (usize, bool) {
        (wave, self.plan.stages[stage].phase == Phase::Contract)
    }

    pub(super) fn lacks_approval(&self) -> bool {
        let Cursor { stage, wave, .. } = self.cursor;
        self.plan.waves[wave].approval && !self.approved.contains(&self.approval_key(stage, wave))
    }

    pub(super) fn progress_in(&self, stage: usize, number: u32) -> Progress {
        let shard = &self.shards[number as usize];
        if stage == self.cursor.stage {
            return shard.progress;
        }
        match (self.has_work(stage, number), shard.skipped_from) {
            (false, _) => Progress::NoWork,
            (true, Some(from)) if from <= stage => Progress::Skipped,
            (true, _) if stage < self.cursor.stage => Progress::Applied,
            (true, _) => Progress::Pending,
        }
    }

    /// Moves a shard within the current stage, with all that counts it.
    pub(super) fn set(&mut self, number: u32, to: Progress) {
        let wave = self.wave_of(number);
        let from = self.shards[number as usize].progress;
        self.shards[number as usize].progress = to;
        let counts = &mut self.counts[self.cursor.stage][wave];
        counts.take(from);
        counts.add(to);

        let host = self.hosts[number as usize];
        match (is_in_flight(from), is_in_flight(to)) {
            (false, true) => {
                self.in_flight.insert(number);
                *self.on_host.entry(host).or_default() += 1;
            }
            (true, false) => {
                self.in_flight.remove(&number);
                match self.on_host.get_mut(&host) {
                    Some(count) if *count > 1 => *count -= 1,
                    _ => drop(self.on_host.remove(&host)),
                }
            }
            _ => {}
        }
        if self.has_gone(wave) {
            self.cursor.open -= u32::from(is_open(from));
            self.cursor.open += u32::from(is_open(to));
            match (from, to) {
                (Progress::Pending, Progress::Pending) => {}
                (Progress::Pending, _) => self.ready.remove(number, host),
                (_, Progress::Pending) => self.ready.add(number, host),
                _ => {}
            }
        }
    }

    /// Lets the cursor's wave go: its gate has passed.
    pub(super) fn open_wave(&mut self) {
        let Cursor { stage, wave, .. } = self.cursor;
        self.cursor.gate = Gate::Passed;
        self.cursor.canary.get_or_insert(wave);
        self.cursor.open += self.counts[stage][wave].open();
        for number in self.numbers(wave) {
            if self.shards[number as usize].progress == Progress::Pending {
                self.ready.add(number, self.hosts[number as usize]);
            }
        }
    }

    /// Moves the cursor past everything that is through.
    pub(super) fn advance(&mut self) {
        while !self.is_through() && self.cursor.open == 0 && !self.is_over_budget() {
            let Cursor { stage, wave, .. } = self.cursor;
            if !self.is_wave(wave) {
                if !self.failed.is_empty() {
                    return;
                }
                self.enter_stage(stage + 1);
                continue;
            }
            let counts = self.counts[stage][wave];
            if self.cursor.gate != Gate::Passed && counts.pending > 0 {
                return;
            }
            self.cursor.wave = wave + 1;
            self.cursor.gate = Gate::NotAsked;
        }
    }

    /// More failures than the budget lets pass, or one in the first wave.
    pub(super) fn is_over_budget(&self) -> bool {
        let stage = self.cursor.stage;
        let canary_failed = self
            .cursor
            .canary
            .is_some_and(|wave| self.counts[stage][wave].failed > 0);
        canary_failed || self.failed.len() > self.plan.budget as usize
    }

    fn enter_stage(&mut self, stage: usize) {
        self.cursor = Cursor {
            stage,
            wave: 0,
            gate: Gate::NotAsked,
            canary: None,
            open: 0,
        };
        self.ready.clear();
        if stage >= self.plan.stages.len() {
            return;
        }
        for number in 0..self.shards.len() as u32 {
            let has_work = self.has_work(stage, number);
            let shard = &mut self.shards[number as usize];
            // What a shard had when it was skipped stays known.
            if shard.skipped_from.is_none_or(|from| from >= stage) {
                shard.applied = 0;
            }
            shard.progress = match (has_work, shard.skipped_from) {
                (false, _) => Progress::NoWork,
                (true, Some(_)) => Progress::Skipped,
                (true, None) => Progress::Pending,
            };
        }
    }

    /// A wave soaks from the last shard that was applied in it: where nothing was, there is nothing to watch.
    pub(super) fn soak(&mut self, number: u32, at: Timestamp) {
        let soak = self.plan.waves[self.wave_of(number)].soak_ms;
        if soak > 0 {
            let soak = SignedDuration::from_millis(i64::try_from(soak).unwrap_or(i64::MAX));
            let until = at.saturating_add(soak).unwrap_or(Timestamp::MAX);
            self.soak_until = self.soak_until.max(Some(until));
        }
    }

    /// Whether the wave's gate has passed in this stage.
    pub(super) fn has_gone(&self, wave: usize) -> bool {
        wave < self.cursor.wave || wave == self.cursor.wave && self.cursor.gate == Gate::Passed
    }

    /// A wave's shards: their numbers follow each other.
    fn numbers(&self, wave: usize) -> Range<u32> {
        let before: usize = self.plan.waves[..wave].iter().map(|w| w.shards.len()).sum();
        before as u32..(before + self.plan.waves[wave].shards.len()) as u32
    }
}

fn is_open(progress: Progress) -> bool {
    matches!(progress, Progress::Pending) || is_in_flight(progress)
}

/// An unknown one may be running still: it counts against the limits.
fn is_in_flight(progress: Progress) -> bool {
    matches!(
        progress,
        Progress::Running { .. } | Progress::Unknown { .. }
    )
}

fn number_hosts(plan: &Plan) -> Arc<[u32]> {
    let mut known: HashMap<&str, u32> = HashMap::new();
    plan.shards
        .iter()
        .map(|shard| {
            let next = known.len() as u32;
            *known.entry(&*shard.host).or_insert(next)
        })
        .collect()
}

fn count_work(plan: &Plan) -> Vec<Vec<Counts>> {
    plan.stages
        .iter()
        .map(|stage| {
            let mut counts = vec![Counts::default(); plan.waves.len()];
            for shard in stage.work.iter().flat_map(|work| &work.shards) {
                if let Some(wave) = plan.wave_of(shard) {
                    counts[wave].pending += 1;
                }
            }
            counts
        })
        .collect()
}
