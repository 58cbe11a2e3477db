//! What must hold of every story, kept by its own simple book-keeping.
//!
//! Knows the plan and the events the rollout took in, and nothing of how the rollout works.

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
                Outcome::Absent => {
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
                    Outcome::Absent => {}
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

    /// Checks what the rollout wants done now.
    pub fn check(&self, plan: &Plan, commands: &[Command], now: Timestamp) {
        if self.ended {
            assert_eq!(commands, [], "works on after the end");
            return;
        }
        let idle = self.running.is_empty();
        assert!(!commands.is_empty() || !idle, "waits in silence");
        let starts: Vec<_> = commands
            .iter()
            .filter_map(|command| match command {
                Command::Apply { stage, shard } => Some((*stage, shard)),
                _ => None,
            })
            .collect();
        for (stage, shard) in &starts {
            self.check_start(plan, *stage, shard);
        }
        self.check_limits(plan, &starts);
        for command in commands {
            match command {
                Command::AskGate { stage, wave } => self.check_gate(plan, *stage, *wave, now),
                Command::Survey { shard, .. } => {
                    assert_eq!(self.unknown.get(shard), Some(&false), "surveys for nothing");
                }
                Command::Finish { verdict } => self.check_finish(plan, verdict.as_str()),
                Command::WaitForPerson { reasons } => {
                    assert!(!reasons.is_empty(), "waits for a person without a reason");
                    assert!(idle, "waits for a person while work goes on");
                }
                Command::WaitUntil { at, reasons } => {
                    assert!(*at > now && !reasons.is_empty(), "waits for nothing");
                }
                Command::AwaitReplicas { shard, .. } => {
                    assert!(self.replaying.contains_key(shard), "awaits for nothing");
                }
                Command::Apply { .. } => {}
            }
        }
        let ends = commands
            .iter()
            .any(|command| matches!(command, Command::Finish { .. }));
        for shard in self.replaying.keys().filter(|_| !ends) {
            let awaited = commands
                .iter()
                .any(|c| matches!(c, Command::AwaitReplicas { shard: s, .. } if s == shard));
            assert!(awaited, "nobody waits for the replicas of {shard}");
        }
        for (shard, needs_person) in &self.unknown {
            let surveyed = commands
                .iter()
                .any(|c| matches!(c, Command::Survey { shard: s, .. } if s == shard));
            assert_eq!(surveyed, !needs_person, "an unknown is left alone: {shard}");
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

    fn check_start(&self, plan: &Plan, stage: usize, shard: &ShardName) {
        let wave = plan.wave_of(shard).unwrap();
        assert!(self.started);
        let set_back = self.set_back.contains(&(stage, shard.clone()));
        assert!(
            set_back || !plan.work(stage, shard).is_empty(),
            "no work for {shard}"
        );
        assert!(
            !self.done.contains(&(stage, shard.clone())),
            "applies again on {shard}"
        );
        assert!(
            // A wave without work has no gate; what a failover lost had its gate before.
            set_back || self.passed.contains(&(stage, wave)),
            "ahead of a gate on {shard}"
        );
        assert!(!self.broke, "after a break, and no gate was asked: {shard}");
        assert!(!self.is_in_flight(shard), "starts twice on {shard}");
        assert!(
            !self.failed.contains_key(shard),
            "goes on blindly on {shard}"
        );
        assert!(
            !self.skipped.contains(shard),
            "skipped, yet started: {shard}"
        );
        self.check_not_stopped(plan);
        self.check_stages_before(plan, stage);
    }

    fn check_gate(&self, plan: &Plan, stage: usize, wave: usize, now: Timestamp) {
        self.check_not_stopped(plan);
        self.check_stages_before(plan, stage);
        if self.passed.contains(&(stage, wave)) {
            assert!(self.broke, "asks a gate twice");
            return;
        }
        let mut shards = plan.waves[wave].shards.iter();
        if self.broke && shards.any(|s| self.set_back.contains(&(stage, s.clone()))) {
            // It went without work, and without a gate; what a failover lost there had one before.
            return;
        }
        assert!(
            plan.waves[wave]
                .shards
                .iter()
                .any(|s| self.has_open(plan, stage, s)),
            "asks for a wave without work"
        );
        for before in &plan.waves[..wave] {
            for shard in &before.shards {
                let open = self.has_open(plan, stage, shard) && !self.failed.contains_key(shard);
                assert!(!open, "wave {wave} before {shard} of an earlier one");
            }
        }
        if plan.waves[wave].approval {
            let key = (wave, is_contract(plan, stage));
            assert!(self.approved.contains(&key), "unapproved wave {wave}");
        }
        for ((stage, wave), since) in &self.touched {
            let until = since.as_millisecond() + plan.waves[*wave].soak_ms as i64;
            assert!(
                now.as_millisecond() >= until,
                "wave {wave} of stage {stage} soaks still"
            );
        }
    }

    fn check_finish(&self, plan: &Plan, verdict: &str) {
        assert!(self.running.is_empty() && self.unknown.is_empty());
        if verdict == "aborted" {
            assert!(self.aborted);
            return;
        }
        assert!(self.failed.is_empty() && self.replaying.is_empty() && !self.aborted);
        for stage in 0..plan.stages.len() {
            self.check_stages_before(plan, stage + 1);
        }
    }

    fn check_not_stopped(&self, plan: &Plan) {
        assert_eq!(self.stop(plan), None, "goes on all the same");
        assert!(!self.held, "goes on while nodes hold it");
    }

    fn stop(&self, plan: &Plan) -> Option<&'static str> {
        let unknown = (!self.unknown.is_empty()).then_some("something is unknown");
        unknown.or_else(|| self.break_off(plan))
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

    fn check_stages_before(&self, plan: &Plan, stage: usize) {
        for before in 0..stage {
            for shard in plan.shards() {
                assert!(
                    !self.has_open(plan, before, &shard.name),
                    "stage {stage} before {} is through with {before}",
                    shard.name
                );
            }
        }
    }

    fn check_limits(&self, plan: &Plan, starts: &[(usize, &ShardName)]) {
        let host = |shard: &ShardName| {
            let planned = plan.shards().iter().find(|s| s.name == *shard);
            planned.unwrap().host.clone()
        };
        let flying = (self.running.iter())
            .chain(self.unknown.keys())
            .chain(self.replaying.keys());
        let mut on_host: BTreeMap<_, u32> = BTreeMap::new();
        let mut all = 0;
        for shard in flying.chain(starts.iter().map(|(_, shard)| *shard)) {
            *on_host.entry(host(shard)).or_default() += 1;
            all += 1;
        }
        assert!(all <= plan.policy.max_in_flight, "too many in flight");
        assert!(
            on_host
                .values()
                .all(|count| *count <= plan.policy.max_per_host),
            "too many on a host"
        );
    }

    /// Whether the shard has work of the stage that isn't done, and isn't left out.
    fn has_open(&self, plan: &Plan, stage: usize, shard: &ShardName) -> bool {
        (!plan.work(stage, shard).is_empty() || self.set_back.contains(&(stage, shard.clone())))
            && !self.done.contains(&(stage, shard.clone()))
            && !self.skipped.contains(shard)
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

    fn is_in_flight(&self, shard: &ShardName) -> bool {
        self.running.contains(shard)
            || self.unknown.contains_key(shard)
            || self.replaying.contains_key(shard)
    }
}

fn is_contract(plan: &Plan, stage: usize) -> bool {
    plan.stages[stage].phase == Phase::Contract
}
