//! Done means replayed: what a shard's nodes have to replay, and what nodes hold.

use super::{
    command::Progress,
    order::Why,
    record::APPLIED,
    state::{Awaited, Rollout},
};
use crate::{fleet::ShardName, gate::WaitReason, outcome::Outcome, position::Position};
use jiff::Timestamp;

impl Rollout {
    /// The shard's work is there. It stays in flight: its host and the limits are still burdened by it.
    pub(super) fn await_replicas(
        &mut self,
        stage: usize,
        shard: &ShardName,
        position: Option<&Position>,
        at: Timestamp,
    ) -> Result<(), Why> {
        let number = self.number(shard)?;
        self.expect_current(stage)?;
        if let Some(awaited) = self.replaying.get_mut(&number) {
            // A lost position is replaced by a later one, which is always safe.
            if position.is_none() || awaited.position.as_ref() == position {
                return Err(self.refuse(number, APPLIED));
            }
            awaited.position = position.cloned();
            return Ok(());
        }
        self.expect_answer(number)?;
        self.expect_nothing_owed(number)?;
        self.unknown.remove(&number);
        self.verify_again.remove(&number);
        self.shards[number as usize].applied = self.plan.work_of(stage, number).len() as u32;
        self.mark_changed(number);
        let awaited = Awaited {
            position: position.cloned(),
            overdue: false,
        };
        self.replaying.insert(number, awaited);
        self.set(
            number,
            Progress::Replaying {
                since: at,
                overdue: false,
            },
        );
        Ok(())
    }

    /// Its nodes have taken longer than they may.
    pub(super) fn miss_replicas(&mut self, stage: usize, shard: &ShardName) -> Result<(), Why> {
        let number = self.number(shard)?;
        self.expect_current(stage)?;
        let Progress::Replaying { since, overdue } = self.shards[number as usize].progress else {
            return Err(self.refuse(number, "is not waiting for its replicas"));
        };
        if overdue {
            return Err(self.refuse(number, "is past its time limit already"));
        }
        if let Some(awaited) = self.replaying.get_mut(&number) {
            awaited.overdue = true;
        }
        self.set(
            number,
            Progress::Replaying {
                since,
                overdue: true,
            },
        );
        Ok(())
    }

    /// Replayed; or, after a failover that lost it, not there any more and to be run again.
    pub(super) fn end_replaying(
        &mut self,
        number: u32,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Result<(), Why> {
        let to = match outcome {
            Outcome::Applied => Progress::Applied,
            Outcome::Absent { .. } => Progress::Pending,
            Outcome::Failed { .. } | Outcome::Unknown { .. } => {
                return Err(self.refuse(number, APPLIED));
            }
        };
        self.replaying.remove(&number);
        if to == Progress::Pending {
            self.shards[number as usize].applied = 0;
        }
        self.set(number, to);
        if to == Progress::Applied {
            self.soak(number, at);
        }
        Ok(())
    }

    /// Nodes hold the rollout, hold it for other reasons, or let it go on.
    pub(super) fn hold(&mut self, reasons: &[WaitReason]) -> Result<(), Why> {
        if reasons.is_empty() && self.held.is_empty() {
            return Err(Why::NotHeld);
        }
        if self.held == reasons {
            return Err(Why::HeldAlready);
        }
        self.held = reasons.to_vec();
        Ok(())
    }
}
