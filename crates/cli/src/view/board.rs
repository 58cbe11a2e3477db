//! Where a run stands: the fold of its notices that every view draws.
//!
//! Each event costs the same however large the fleet is.

use greylag_core::{
    event::Event,
    fleet::ShardName,
    gate::{Verdict, WaitReason},
    migration::MigrationId,
    outcome::Outcome,
    plan::Plan,
};
use greylag_orchestrator::Notice;
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// A run so far.
#[derive(Clone, Debug, Default)]
pub struct Board {
    pub surveyed: Option<(usize, usize)>,
    pub plan: Option<Arc<Plan>>,
    /// The stage that moves.
    pub stage: usize,
    pub waves: Vec<WaveBoard>,
    /// Shards under way, by name.
    pub in_flight: BTreeMap<ShardName, Flight>,
    pub failed: BTreeSet<ShardName>,
    pub unknown: BTreeSet<ShardName>,
    pub skipped: BTreeSet<ShardName>,
    /// Shards that have something of the plan, from this run or an earlier one.
    pub changed: BTreeSet<ShardName>,
    /// Why the rollout as a whole waits.
    pub waiting: Vec<WaitReason>,
    /// An interrupt was heard; true when it cancels.
    pub stopping: Option<bool>,
    /// When this run began to apply, and how many times it has finished a shard since.
    pub since: Option<Timestamp>,
    pub finished_here: usize,
    /// Shards that have all of the plan.
    pub complete: usize,
    /// How many times a shard is still to be taken, over all stages.
    pub visits_left: usize,
    members: HashMap<ShardName, Member>,
}

/// A wave in the stage that moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaveBoard {
    pub name: String,
    pub total: usize,
    pub done: usize,
    pub failed: usize,
    pub in_flight: usize,
    pub waiting: Vec<WaitReason>,
}

impl WaveBoard {
    /// Shards that have yet to start.
    pub fn left(&self) -> usize {
        (self.total).saturating_sub(self.done + self.failed + self.in_flight)
    }
}

/// A shard under way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    pub since: Timestamp,
    /// Migrations done of how many, in this stage.
    pub done: usize,
    pub total: usize,
    pub migration: Option<MigrationId>,
    /// Statements done of how many, of the migration.
    pub statements: Option<(u32, u32)>,
    pub waiting: Vec<WaitReason>,
}

#[derive(Clone, Debug)]
struct Member {
    stages_left: usize,
    now: Standing,
}

/// A shard in the stage that moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Idle,
    InFlight,
    Done,
    Failed,
}

impl Board {
    pub fn fold(&mut self, notice: &Notice, now: Timestamp) {
        match notice {
            Notice::Surveyed { done, total, .. } => self.surveyed = Some((*done, *total)),
            Notice::Taken { plan, past, .. } => {
                self.take(plan);
                for stamped in past.iter() {
                    self.event(&stamped.event, stamped.at);
                }
                let lost: Vec<_> = self.in_flight.keys().cloned().collect();
                for shard in lost {
                    self.stand(&shard, Standing::Idle);
                }
                self.since = Some(now);
                self.finished_here = 0;
            }
            Notice::Event(stamped) => self.event(&stamped.event, stamped.at),
            Notice::Live { at, event } => self.event(event, *at),
            Notice::Waiting { reasons } => self.waiting.clone_from(reasons),
            Notice::Stopping { cancelling, .. } => self.stopping = Some(*cancelling),
            Notice::Warning { .. } => {}
        }
    }

    /// Shards with work in any stage.
    pub fn shards(&self) -> impl Iterator<Item = &ShardName> {
        self.members.keys()
    }

    pub fn total(&self) -> usize {
        self.members.len()
    }

    pub fn wave_of(&self, shard: &ShardName) -> Option<&WaveBoard> {
        self.waves.get(self.plan.as_ref()?.wave_of(shard)?)
    }

    /// The migrations that a shard has to run in a stage.
    pub fn work(&self, stage: usize, shard: &ShardName) -> &[MigrationId] {
        self.plan
            .as_ref()
            .map_or(&[], |plan| plan.work(stage, shard))
    }

    fn take(&mut self, plan: &Arc<Plan>) {
        *self = Self {
            surveyed: self.surveyed,
            stopping: self.stopping,
            plan: Some(Arc::clone(plan)),
            ..Self::default()
        };
        for shard in plan
            .stages
            .iter()
            .flat_map(|stage| &stage.work)
            .flat_map(|work| &work.shards)
        {
            let member = self.members.entry(shard.clone()).or_insert(Member {
                stages_left: 0,
                now: Standing::Idle,
            });
            member.stages_left += 1;
            self.visits_left += 1;
        }
        self.enter(0);
    }

    fn enter(&mut self, stage: usize) {
        let Some(plan) = self.plan.clone() else {
            return;
        };
        self.stage = stage;
        let empty = |name: &str| WaveBoard {
            name: name.to_owned(),
            ..WaveBoard::default()
        };
        self.waves = plan.waves.iter().map(|wave| empty(&wave.name)).collect();
        let works = plan.stages.get(stage).map_or(&[][..], |stage| &stage.work);
        for shard in works.iter().flat_map(|work| &work.shards) {
            if let Some(member) = self.members.get_mut(shard) {
                member.now = Standing::Idle;
            }
            if let Some(wave) = plan.wave_of(shard).and_then(|at| self.waves.get_mut(at)) {
                wave.total += 1;
            }
        }
    }

    /// Moves a shard within the stage, and its wave's figures with it.
    fn stand(&mut self, shard: &ShardName, next: Standing) {
        if next != Standing::InFlight {
            self.in_flight.remove(shard);
        }
        let Some(member) = self.members.get_mut(shard) else {
            return;
        };
        let before = std::mem::replace(&mut member.now, next);
        let wave = self.plan.as_ref().and_then(|plan| plan.wave_of(shard));
        let Some(wave) = wave.and_then(|at| self.waves.get_mut(at)) else {
            return;
        };
        let mut figure = |standing, up: bool| {
            let place = match standing {
                Standing::Idle => return,
                Standing::InFlight => &mut wave.in_flight,
                Standing::Done => &mut wave.done,
                Standing::Failed => &mut wave.failed,
            };
            *place = if up {
                *place + 1
            } else {
                place.saturating_sub(1)
            };
        };
        figure(before, false);
        figure(next, true);
    }

    fn event(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::GateAnswered {
                stage,
                wave,
                verdict,
            } => {
                self.go_to(*stage);
                if let Some(wave) = self.waves.get_mut(*wave) {
                    wave.waiting = match verdict {
                        Verdict::Wait { reasons } => reasons.clone(),
                        Verdict::Pass | Verdict::Stop { .. } => Vec::new(),
                    };
                }
                self.waiting.clear();
            }
            Event::ShardStarted { stage, shard } => self.start(*stage, shard, at),
            Event::MigrationApplied {
                stage,
                shard,
                migration,
                ..
            } => {
                self.changed.insert(shard.clone());
                let work = self.work(*stage, shard);
                let place = work.iter().position(|one| one == migration);
                let next = place.and_then(|place| work.get(place + 1)).cloned();
                if let Some(flight) = self.in_flight.get_mut(shard) {
                    flight.done += 1;
                    flight.migration = next;
                    flight.statements = None;
                    flight.waiting.clear();
                }
            }
            Event::ShardWaiting { shard, reasons, .. } => {
                if let Some(flight) = self.in_flight.get_mut(shard) {
                    flight.waiting.clone_from(reasons);
                }
            }
            Event::StatementDone {
                shard,
                migration,
                done,
                total,
                ..
            } => {
                if let Some(flight) = self.in_flight.get_mut(shard) {
                    flight.migration = Some(migration.clone());
                    flight.statements = Some((*done, *total));
                    flight.waiting.clear();
                }
            }
            Event::ShardEnded {
                stage,
                shard,
                outcome,
            } => self.end(*stage, shard, outcome),
            Event::ShardReplaying { shard, .. } => {
                self.changed.insert(shard.clone());
                if let Some(flight) = self.in_flight.get_mut(shard) {
                    flight.done = flight.total;
                    flight.migration = None;
                    flight.statements = None;
                    flight.waiting.clear();
                }
            }
            Event::NotReplayed { .. }
            | Event::PrimaryMoved { .. }
            | Event::OnlineDdl { .. }
            | Event::ToolSaid { .. } => {}
            Event::MigrationsLost { shard, .. } => self.lose(shard),
            Event::Held { reasons } => self.waiting.clone_from(reasons),
            Event::Retried { shard, .. } => {
                self.failed.remove(shard);
                self.skipped.remove(shard);
                self.stand(shard, Standing::Idle);
            }
            Event::Skipped { shard, .. } => {
                self.failed.remove(shard);
                self.unknown.remove(shard);
                self.skipped.insert(shard.clone());
                self.stand(shard, Standing::Idle);
            }
            Event::Settled { shard, .. } => {
                self.failed.remove(shard);
                self.unknown.remove(shard);
                self.stand(shard, Standing::Idle);
            }
            Event::Resumed { .. } | Event::Approved { .. } | Event::Finished { .. } => {
                self.waiting.clear();
            }
            Event::RolloutStarted { .. }
            | Event::Restarted { .. }
            | Event::Paused { .. }
            | Event::Aborted { .. }
            | Event::Superseded { .. } => {}
        }
    }

    fn start(&mut self, stage: usize, shard: &ShardName, at: Timestamp) {
        self.go_to(stage);
        self.failed.remove(shard);
        self.unknown.remove(shard);
        let work = self.work(stage, shard);
        let flight = Flight {
            since: at,
            total: work.len(),
            migration: work.first().cloned(),
            ..Flight::default()
        };
        self.in_flight.insert(shard.clone(), flight);
        self.stand(shard, Standing::InFlight);
    }

    fn end(&mut self, stage: usize, shard: &ShardName, outcome: &Outcome) {
        self.failed.remove(shard);
        self.unknown.remove(shard);
        if outcome.left().is_something() {
            self.changed.insert(shard.clone());
        }
        match outcome {
            Outcome::Applied => {
                self.changed.insert(shard.clone());
                self.finished_here += 1;
                self.visits_left = self.visits_left.saturating_sub(1);
                if let Some(member) = self.members.get_mut(shard) {
                    member.stages_left = member.stages_left.saturating_sub(1);
                    self.complete += usize::from(member.stages_left == 0);
                }
                if stage == self.stage {
                    self.stand(shard, Standing::Done);
                }
            }
            Outcome::Absent { .. } => self.stand(shard, Standing::Idle),
            Outcome::Failed { .. } => {
                self.failed.insert(shard.clone());
                self.stand(shard, Standing::Failed);
            }
            Outcome::Unknown { .. } => {
                self.unknown.insert(shard.clone());
                self.stand(shard, Standing::Failed);
            }
        }
    }

    /// What was there is not any more: the shard is to be done again, in this stage.
    fn lose(&mut self, shard: &ShardName) {
        let Some(member) = self.members.get_mut(shard) else {
            return;
        };
        let runs = self.in_flight.get(shard);
        if runs.is_some_and(|flight| flight.done < flight.total) {
            // It is at work, and begins with what is lost.
            return;
        }
        if member.now != Standing::InFlight {
            self.complete -= usize::from(member.stages_left == 0).min(self.complete);
            member.stages_left += 1;
            self.visits_left += 1;
            self.finished_here = self.finished_here.saturating_sub(1);
        }
        self.stand(shard, Standing::Idle);
    }

    fn go_to(&mut self, stage: usize) {
        if stage > self.stage {
            self.enter(stage);
        }
    }
}
