//! What must hold of every story, kept by its own simple book-keeping.
//!
//! Knows the plan and the events the rollout took in, and nothing of how the rollout works. The books are kept here; what is held to
//! them is in `checks`.

mod checks;

use greylag_core::{
    event::Event,
    fleet::ShardName,
    gate::Verdict,
    migration::{MigrationId, Phase},
    outcome::Outcome,
    plan::Plan,
    rollout::Command,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default)]
pub struct Oracle {
    started: bool,
    ended: bool,
    paused: bool,
    aborted: bool,
    gate_stop: bool,
    passed: BTreeSet<(usize, usize)>,
    approved: BTreeSet<(usize, bool)>,
    running: BTreeSet<ShardName>,
    /// Unknown, and whether only a person can tell.
    unknown: BTreeMap<ShardName, bool>,
    /// With the stage that each failed in.
    failed: BTreeMap<ShardName, usize>,
    /// Applied and to be replayed, and whether that takes too long.
    replaying: BTreeMap<ShardName, bool>,
    held: bool,
    /// Shards that a failover set back in a stage, until their work of it is there again.
    set_back: BTreeSet<(usize, ShardName)>,
    /// What it lost, of whatever stage, until the shard is done: then it has it again.
    lost: BTreeSet<(ShardName, MigrationId)>,
    /// Something broke it off since a gate last let it go on.
    broke: bool,
    skipped: BTreeSet<ShardName>,
    done: BTreeSet<(usize, ShardName)>,
    applied: BTreeSet<(ShardName, MigrationId)>,
    /// When something was last applied in a wave of a stage.
    touched: BTreeMap<(usize, usize), Timestamp>,
}

impl Oracle {
    /// Takes in an event that the rollout has accepted; panics if it should not have.
    pub fn take(&mut self, plan: &Plan, event: &Event, at: Timestamp, asked: &[Command]) {
        assert!(!self.ended, "accepted after the end: {event:?}");
        let was_broken_off = self.break_off(plan).is_some();
        self.fold(plan, event, at, asked);
        self.broke |= was_broken_off && self.break_off(plan).is_none();
    }

    fn fold(&mut self, plan: &Plan, event: &Event, at: Timestamp, asked: &[Command]) {
        match event {
            Event::RolloutStarted { .. } => self.started = true,
            Event::Restarted { .. } => {
                for shard in std::mem::take(&mut self.running) {
                    self.unknown.insert(shard, false);
                }
                self.held = false;
                self.broke = true;
            }
            Event::GateAnswered {
                stage,
                wave,
                verdict,
            } => {
                let command = Command::AskGate {
                    stage: *stage,
                    wave: *wave,
                };
                let waits = |c: &Command| matches!(c, Command::WaitUntil { .. });
                assert!(
                    asked.contains(&command) || asked.iter().any(waits),
                    "gate answered unasked: {event:?}"
                );
                match verdict {
                    Verdict::Pass => {
                        self.broke = false;
                        self.passed.insert((*stage, *wave));
                    }
                    Verdict::Stop { .. } => self.gate_stop = true,
                    Verdict::Wait { .. } => {}
                }
            }
            Event::ShardStarted { stage, shard } => {
                // Any shard whose turn it is may go first, listed or not.
                self.check_start(plan, *stage, shard);
                self.check_limits(plan, &[(*stage, shard)]);
                self.running.insert(shard.clone());
            }
            Event::MigrationApplied {
                shard, migration, ..
            } => {
                assert!(self.is_in_flight(shard), "applied while idle: {event:?}");
                assert!(
                    self.applied.insert((shard.clone(), migration.clone())),
                    "applied twice: {event:?}"
                );
            }
            Event::ShardReplaying { stage, shard, .. } => {
                let was_running = self.running.remove(shard);
                let was_unknown = self.unknown.remove(shard) == Some(false);
                let was_replaying = self.replaying.contains_key(shard);
                assert!(
                    was_running || was_unknown || was_replaying,
                    "replays while idle: {event:?}"
                );
                self.replaying.entry(shard.clone()).or_insert(false);
                self.check_has_again(plan, *stage, shard);
                for migration in plan.work(*stage, shard) {
                    self.applied.insert((shard.clone(), migration.clone()));
                }
            }
            Event::NotReplayed { shard, .. } => {
                assert_eq!(
                    self.replaying.insert(shard.clone(), true),
                    Some(false),
                    "overdue unasked: {event:?}"
                );
            }
            Event::PrimaryMoved { .. } => {}
            Event::MigrationsLost {
                stage,
                shard,
                migrations,
                ..
            } => {
                assert!(!self.skipped.contains(shard), "sets back what is left out");
                for migration in migrations {
                    let lost = self.applied.remove(&(shard.clone(), migration.clone()));
                    assert!(lost, "lost what was not there: {event:?}");
                    self.lost.insert((shard.clone(), migration.clone()));
                }
                self.done.remove(&(*stage, shard.clone()));
                self.replaying.remove(shard);
                self.set_back.insert((*stage, shard.clone()));
            }
            Event::Held { reasons } => self.held = !reasons.is_empty(),
            Event::ShardEnded {
                stage,
                shard,
                outcome,
            } if self.replaying.remove(shard).is_some() => match outcome {
                Outcome::Applied => {
                    self.touched
                        .extend(plan.wave_of(shard).map(|w| ((*stage, w), at)));
                    assert!(self.done.insert((*stage, shard.clone())), "done twice");
                }
                Outcome::Absent { .. } => {
                    // A failover lost it: it may well be applied again.
                    for migration in plan.work(*stage, shard) {
                        self.applied.remove(&(shard.clone(), migration.clone()));
                    }
                }
                other => panic!("what is applied has become {other:?}"),
            },
            Event::ShardEnded {
                stage,
                shard,
                outcome,
            } => {
                let was_running = self.running.remove(shard);
                let was_unknown = self.unknown.remove(shard) == Some(false);
                assert!(was_running || was_unknown, "ended while idle: {event:?}");
                match outcome {
                    Outcome::Applied => {
                        self.touched
                            .extend(plan.wave_of(shard).map(|w| ((*stage, w), at)));
                        assert!(self.done.insert((*stage, shard.clone())), "done twice");
                        self.check_has_again(plan, *stage, shard);
                        for migration in plan.work(*stage, shard) {
                            self.applied.insert((shard.clone(), migration.clone()));
                        }
                    }
                    Outcome::Absent { .. } => {}
                    Outcome::Failed { .. } => drop(self.failed.insert(shard.clone(), *stage)),
                    Outcome::Unknown { doubt } => {
                        self.unknown.insert(shard.clone(), doubt.needs_person);
                    }
                }
            }
            Event::Approved { stage, wave, .. } => {
                self.approved.insert((*wave, is_contract(plan, *stage)));
            }
            Event::Paused { .. } => self.paused = true,
            Event::Resumed { .. } => {
                self.paused = false;
                self.gate_stop = false;
            }
            Event::Aborted { .. } => self.aborted = true,
            Event::Retried { shard, .. }
            | Event::Settled {
                shard,
                node: Some(_),
                ..
            } => {
                if self.failed.remove(shard).is_none() {
                    assert_eq!(self.unknown.insert(shard.clone(), false), Some(true));
                }
            }
            Event::Skipped { shard, .. } => {
                assert!(!self.running.contains(shard), "skipped in flight");
                self.failed.remove(shard);
                self.unknown.remove(shard);
                self.replaying.remove(shard);
                self.skipped.insert(shard.clone());
            }
            Event::Settled {
                shard,
                migration,
                applied,
                ..
            } => {
                assert_eq!(self.unknown.remove(shard), Some(true), "settled unasked");
                if *applied {
                    self.applied.insert((shard.clone(), migration.clone()));
                }
            }
            Event::Superseded { .. } => {
                assert!(self.running.is_empty() && self.unknown.is_empty());
                self.ended = true;
            }
            Event::Finished { verdict } => {
                let finish = |c: &Command| match c {
                    Command::Finish { verdict: v } => v.as_str() == verdict,
                    _ => false,
                };
                assert!(asked.iter().any(finish), "finished unasked");
                self.ended = true;
            }
            Event::ShardWaiting { .. }
            | Event::StatementDone { .. }
            | Event::OnlineDdl { .. }
            | Event::ToolSaid { .. } => {}
        }
    }

    pub fn skipped(&self) -> &BTreeSet<ShardName> {
        &self.skipped
    }

    pub fn is_aborted(&self) -> bool {
        self.aborted
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// What lasts until somebody acts or a replica comes back.
    fn break_off(&self, plan: &Plan) -> Option<&'static str> {
        if self.paused || self.aborted || self.gate_stop {
            return Some("stopped by a person or a gate");
        }
        if self.unknown.values().any(|needs_person| *needs_person) {
            return Some("something is unknown, and a person must say");
        }
        if self.replaying.values().any(|overdue| *overdue) {
            return Some("something is not replayed");
        }
        if self.failed.len() > plan.budget as usize {
            return Some("past the failure budget");
        }
        // A stage that had no work until a failover brought some asked no gate, and has no canary.
        let failed_early = self.failed.iter().any(|(shard, stage)| {
            let canary = self.passed.iter().find(|(of, _)| of == stage);
            canary.is_some_and(|(_, wave)| plan.wave_of(shard) == Some(*wave))
        });
        failed_early.then_some("past a failed canary")
    }

    /// What is lost of the stage's own work is told with its end; what earlier stages had must have been told by itself.
    fn check_has_again(&mut self, plan: &Plan, stage: usize, shard: &ShardName) {
        let here = plan.work(stage, shard);
        for (_, migration) in self.lost.iter().filter(|(of, _)| of == shard) {
            let there = (self.applied).contains(&(shard.clone(), migration.clone()));
            assert!(
                there || here.contains(migration),
                "{shard} is done without {migration}, which it lost"
            );
        }
        self.lost.retain(|(of, _)| of != shard);
    }
}

fn is_contract(plan: &Plan, stage: usize) -> bool {
    plan.stages[stage].phase == Phase::Contract
}
