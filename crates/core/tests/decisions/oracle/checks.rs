//! What the rollout may want done, by the books.

use super::{Oracle, is_contract};
use greylag_core::{fleet::ShardName, plan::Plan, rollout::Command};
use jiff::Timestamp;
use std::collections::BTreeMap;

impl Oracle {
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

    pub(super) fn check_start(&self, plan: &Plan, stage: usize, shard: &ShardName) {
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

    pub(super) fn check_limits(&self, plan: &Plan, starts: &[(usize, &ShardName)]) {
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

    pub(super) fn is_in_flight(&self, shard: &ShardName) -> bool {
        self.running.contains(shard)
            || self.unknown.contains_key(shard)
            || self.replaying.contains_key(shard)
    }
}
