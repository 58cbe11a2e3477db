//! What a run waits for, and how long.

use crate::apply::Options;
use greylag_core::{gate::WaitReason, node::Blame};
use std::time::Instant;

/// How a run's patience stands.
pub struct Patience {
    attended: bool,
    no_wait: bool,
    until: Option<Instant>,
}

impl Patience {
    pub fn new(options: &Options) -> Self {
        Self {
            attended: options.attended,
            no_wait: options.no_wait,
            until: options.until,
        }
    }

    /// Whether these reasons are waited for. Without a terminal nobody comes to approve, and a window may be days away.
    pub fn waits_for(&self, reasons: &[WaitReason]) -> bool {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return false;
        }
        reasons.iter().all(|reason| self.waits_for_one(reason))
    }

    fn waits_for_one(&self, reason: &WaitReason) -> bool {
        match reason {
            WaitReason::Approval { .. } | WaitReason::Window { .. } | WaitReason::Paused { .. } => {
                self.attended
            }
            // Nothing but a person's mending, or a run of those shards, helps.
            WaitReason::Failed { .. }
            | WaitReason::Wave { .. }
            | WaitReason::NextPlan { .. }
            | WaitReason::Unsettled { .. }
            | WaitReason::Stopped { .. }
            | WaitReason::Aborted { .. } => false,
            // A node that somebody must mend, or one that had all the time it was given: a pipeline may be told not to wait.
            WaitReason::NotReplayed { .. }
            | WaitReason::NoPrimary { .. }
            | WaitReason::PrimaryDisputed { .. }
            | WaitReason::NoReplicas { .. }
            | WaitReason::TooFewReplicas { .. }
            | WaitReason::ReplicaUnseen { .. }
            | WaitReason::ReplicaTrouble { .. }
            | WaitReason::ReplicaLag {
                blame: Some(Blame::Paused | Blame::Stopped { .. } | Blame::Disconnected { .. }),
                ..
            } => !self.no_wait,
            WaitReason::Soak { .. }
            | WaitReason::Check { .. }
            | WaitReason::ShardLock { .. }
            | WaitReason::Lock { .. }
            | WaitReason::Retry { .. }
            | WaitReason::InFlight { .. }
            | WaitReason::ReplicaLag { .. }
            | WaitReason::Replay { .. }
            | WaitReason::StandbyQueries { .. }
            | WaitReason::Slot { .. }
            | WaitReason::Load { .. }
            | WaitReason::Sisters { .. }
            | WaitReason::Host { .. } => true,
            WaitReason::Subscriber { waits, .. } => self.waits_for_one(waits),
        }
    }

    pub fn until(&self) -> Option<Instant> {
        self.until
    }
}
