//! Telling a story event by event, and asking how it stands.

use crate::fixture::*;
use greylag_core::{
    event::Event,
    gate::{Verdict, WaitReason},
    outcome::Outcome,
    plan::Plan,
    policy::{Policy, Size},
    rollout::{Command, OutOfOrder, Rollout, RunVerdict, Why},
};
use std::sync::Arc;

/// A rollout under way, the second it is, and the epoch.
pub struct Story(pub Rollout, pub i64, u64);

impl Story {
    pub fn of(plan: Plan) -> Self {
        let plan = Arc::new(plan);
        let mut rollout = Rollout::new(plan.clone(), at(0));
        rollout.record(&started(&plan), at(0), 1).unwrap();
        Self(rollout, 0, 1)
    }

    pub fn tell(&mut self, event: Event) -> &mut Self {
        let told = self.0.record(&event, at(self.1), self.2);
        told.unwrap_or_else(|error| panic!("{error}"));
        self
    }

    /// Another run takes it up.
    pub fn restart(&mut self) -> &mut Self {
        self.2 += 1;
        self.tell(restarted())
    }

    pub fn refuse(&mut self, event: Event) -> Why {
        let OutOfOrder { why, .. } = self.0.record(&event, at(self.1), self.2).unwrap_err();
        why
    }

    pub fn pass(&mut self, stage: usize, wave: usize) -> &mut Self {
        self.tell(gate(stage, wave, Verdict::Pass))
    }

    pub fn run(&mut self, stage: usize, shard: &str, outcome: Outcome) -> &mut Self {
        self.tell(start(stage, &name(shard)));
        self.tell(end(stage, &name(shard), outcome))
    }

    pub fn next(&self) -> Vec<Command> {
        self.0.next(at(self.1))
    }

    pub fn ask(&self) -> Option<(usize, usize)> {
        self.next().into_iter().find_map(|command| match command {
            Command::AskGate { stage, wave } => Some((stage, wave)),
            _ => None,
        })
    }

    pub fn starts(&self) -> Vec<String> {
        let shard = |command| match command {
            Command::Apply { shard, .. } => Some(shard.to_string()),
            _ => None,
        };
        self.next().into_iter().filter_map(shard).collect()
    }

    pub fn waits(&self) -> Vec<WaitReason> {
        self.0.waits(at(self.1))
    }

    pub fn ends(&self) -> (RunVerdict, u8) {
        (self.0.verdict(at(self.1)), self.0.exit_code(at(self.1)))
    }
}

/// One stage of V1 on shards `s1` to `s<count>`, `per_host` of them on each host.
pub fn even(count: usize, per_host: usize, policy: &Policy) -> Plan {
    let fresh = reading("", "V1");
    let shards = (1..=count)
        .map(|n| {
            candidate(
                &format!("s{n}"),
                &format!("h{}", (n - 1) / per_host),
                &fresh,
            )
        })
        .collect();
    made(shards, &[file("V1__one.sql", "SELECT 1;")], policy).unwrap()
}

pub fn two_waves() -> Policy {
    policy(vec![
        wave("canary", Size::Count(1)),
        wave("rest", Size::Rest),
    ])
}
