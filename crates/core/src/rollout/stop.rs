//! What stops a rollout, and what a person would do about it.

use super::state::Rollout;
use crate::{fleet::ShardName, gate::WaitReason};

/// So many names stand in a reason; the count says the rest.
const NAMED: usize = 5;

impl Rollout {
    /// Whether nothing new may start anywhere.
    pub fn is_stopped(&self) -> bool {
        self.end.is_some() || !self.unknown.is_empty() || self.is_broken_off()
    }

    /// Whether it stands until somebody acts or a replica comes back, which may be long. A lost answer that is looked up is not that.
    pub(super) fn is_broken_off(&self) -> bool {
        self.aborted.is_some()
            || self.paused.is_some()
            || self.unknown.values().any(|doubt| doubt.needs_person)
            || self.is_over_budget()
            || self.gate_stop.is_some()
            || self.overdue() > 0
    }

    /// Why it is stopped and for whom it waits, all reasons at once.
    pub(super) fn stops(&self) -> Vec<WaitReason> {
        let mut reasons = Vec::new();
        if let Some((by, reason)) = &self.aborted {
            reasons.push(WaitReason::Aborted {
                by: by.clone(),
                reason: reason.clone(),
            });
        }
        let unsettled = self
            .unknown
            .iter()
            .filter(|(_, doubt)| doubt.needs_person)
            .map(|(number, _)| *number);
        let (shards, count) = self.named(unsettled);
        if count > 0 {
            reasons.push(WaitReason::Unsettled { shards, count });
        }
        if self.is_over_budget() {
            reasons.push(self.failures_as_reason());
        }
        if let Some(why) = &self.gate_stop {
            reasons.push(WaitReason::Stopped { why: why.clone() });
        }
        let overdue = self.replaying.iter().filter(|(_, awaited)| awaited.overdue);
        let (shards, count) = self.named(overdue.map(|(number, _)| *number));
        if count > 0 && self.aborted.is_none() {
            reasons.push(WaitReason::NotReplayed { shards, count });
        }
        if let Some((by, reason)) = &self.paused {
            reasons.push(WaitReason::Paused {
                by: by.clone(),
                reason: reason.clone(),
            });
        }
        reasons
    }

    /// Whether nodes hold it: nothing new starts, and what is in flight goes on.
    pub fn is_held(&self) -> bool {
        !self.held.is_empty()
    }

    /// Shards whose nodes have taken longer than they may.
    pub(super) fn overdue(&self) -> usize {
        let overdue = |awaited: &&super::state::Awaited| awaited.overdue;
        self.replaying.values().filter(overdue).count()
    }

    pub(super) fn failures_as_reason(&self) -> WaitReason {
        let (shards, count) = self.named(self.failed.keys().copied());
        WaitReason::Failed {
            shards,
            count,
            budget: self.plan.budget,
        }
    }

    fn named(&self, numbers: impl Iterator<Item = u32>) -> (Vec<ShardName>, u32) {
        let mut shards = Vec::new();
        let mut count = 0;
        for number in numbers {
            count += 1;
            if shards.len() < NAMED {
                shards.push(self.name(number).clone());
            }
        }
        (shards, count)
    }
}
