//! What a person does to a rollout.

use super::{command::Progress, order::Why, record::APPLIED, state::Rollout};
use crate::{fleet::ShardName, migration::MigrationId, outcome::FailureClass};

impl Rollout {
    /// May come ahead of time; holds for the wave in every stage, contracts apart.
    pub(super) fn approve(&mut self, stage: usize, wave: usize, digest: &str) -> Result<(), Why> {
        self.expect_stage(stage)?;
        let planned = self.plan.waves.get(wave).ok_or(Why::NoSuchWave { wave })?;
        if !planned.approval {
            return Err(Why::NeedsNoApproval);
        }
        self.expect_digest(digest)?;
        if self.approved.insert(self.approval_key(stage, wave)) {
            Ok(())
        } else {
            Err(Why::ApprovedAlready)
        }
    }

    pub(super) fn pause(&mut self, by: &str, reason: Option<&str>) -> Result<(), Why> {
        if self.aborted.is_some() {
            return Err(Why::AbortedAlready);
        }
        if self.paused.is_some() {
            return Err(Why::PausedAlready);
        }
        self.paused = Some((by.to_owned(), reason.map(str::to_owned)));
        Ok(())
    }

    /// Ends a pause, and lets a gate that said stop be asked again.
    pub(super) fn resume(&mut self) -> Result<(), Why> {
        if self.aborted.is_some() {
            return Err(Why::AbortedAlready);
        }
        if self.paused.is_none() && self.gate_stop.is_none() {
            return Err(Why::NotPaused);
        }
        self.paused = None;
        self.gate_stop = None;
        Ok(())
    }

    pub(super) fn abort(&mut self, by: &str, reason: Option<&str>) -> Result<(), Why> {
        if self.aborted.is_some() {
            return Err(Why::AbortedAlready);
        }
        self.aborted = Some((by.to_owned(), reason.map(str::to_owned)));
        Ok(())
    }

    /// A failed shard may go again; one that waits for a person is looked at again, never run blindly.
    pub(super) fn retry(&mut self, shard: &ShardName) -> Result<(), Why> {
        let number = self.number(shard)?;
        match self.shards[number as usize].progress {
            Progress::Failed if self.aborted.is_some() => Err(Why::AbortedAlready),
            Progress::Failed => {
                if let Some(failure) = self.failed.remove(&number)
                    && failure.class == FailureClass::Verify
                    && let Some(migration) = failure.migration
                {
                    self.verify_again.insert(number, migration);
                }
                self.set(number, Progress::Pending);
                Ok(())
            }
            Progress::Unknown { needs_person: true } => {
                if let Some(doubt) = self.unknown.get_mut(&number) {
                    doubt.needs_person = false;
                }
                let needs_person = false;
                self.set(number, Progress::Unknown { needs_person });
                Ok(())
            }
            Progress::Unknown { .. } => Err(self.refuse(number, "is being looked at")),
            Progress::Running { .. } => Err(self.refuse(number, "is running")),
            Progress::Replaying { .. } => Err(self.refuse(number, APPLIED)),
            Progress::NoWork | Progress::Pending | Progress::Applied => {
                Err(self.refuse(number, "has not failed"))
            }
            Progress::Skipped => Err(self.refuse(
                number,
                "was skipped: it is left out of this rollout for good, and the next plan takes it up",
            )),
        }
    }

    /// Leaves a shard out of the rest of this rollout; its history stays as it is.
    pub(super) fn skip(&mut self, shard: &ShardName) -> Result<(), Why> {
        let number = self.number(shard)?;
        let stage = self.cursor.stage;
        if self.shards[number as usize].skipped_from.is_some() {
            return Err(self.refuse(number, "is skipped already"));
        }
        let from = match self.shards[number as usize].progress {
            Progress::Running { .. } => return Err(self.refuse(number, "is running")),
            Progress::Unknown {
                needs_person: false,
            } => return Err(self.refuse(number, "is being looked at")),
            // Its replicas are not waited for any longer.
            Progress::Replaying { .. } => stage,
            Progress::Pending | Progress::Failed | Progress::Unknown { .. } => stage,
            Progress::NoWork | Progress::Applied | Progress::Skipped => stage + 1,
        };
        let later: Vec<usize> = (stage + 1..self.plan.stages.len())
            .filter(|later| self.has_work(*later, number))
            .collect();
        if from > stage && later.is_empty() {
            return Err(self.refuse(number, "has no work left in this rollout"));
        }
        if from == stage {
            self.failed.remove(&number);
            self.unknown.remove(&number);
            self.replaying.remove(&number);
            self.verify_again.remove(&number);
            self.set(number, Progress::Skipped);
        }
        let wave = self.wave_of(number);
        for later in later {
            self.counts[later][wave].take(Progress::Pending);
            self.counts[later][wave].add(Progress::Skipped);
        }
        self.shards[number as usize].skipped_from = Some(from);
        Ok(())
    }

    /// A person's word on what the catalog could not tell. The shard runs on from there: its history, read
    /// under the lock, says what is left, so it is made to agree before this is recorded.
    pub(super) fn settle(
        &mut self,
        shard: &ShardName,
        migration: &MigrationId,
        applied: bool,
    ) -> Result<(), Why> {
        let number = self.number(shard)?;
        let waits = Progress::Unknown { needs_person: true };
        if self.shards[number as usize].progress != waits {
            return Err(self.refuse(number, "has nothing for a person to settle"));
        }
        let lost = self.is_lost(number, migration);
        let position = match lost {
            true => 0,
            false => self.position(number, migration)?,
        };
        let doubted = self.unknown.get(&number).and_then(|d| d.migration.as_ref());
        if let Some(doubted) = doubted.filter(|doubted| *doubted != migration) {
            return Err(Why::AnotherDoubt {
                shard: shard.clone(),
                migration: doubted.clone(),
            });
        }
        if applied && lost {
            self.find_again(number, migration);
        } else if applied {
            self.shards[number as usize].applied = position + 1;
            self.mark_changed(number);
        }
        self.unknown.remove(&number);
        self.set(number, Progress::Pending);
        Ok(())
    }
}
