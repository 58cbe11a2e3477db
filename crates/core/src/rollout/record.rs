//! Folding events: each is checked first, so that a refused one leaves the rollout as it was.

use super::{
    command::Progress,
    next::pause_before_asking_again,
    order::{OutOfOrder, Why},
    state::{Cursor, End, Gate, Rollout},
};
use crate::{
    event::Event,
    fleet::ShardName,
    gate::Verdict,
    migration::MigrationId,
    outcome::{Doubt, FailureClass, Outcome},
};
use jiff::Timestamp;

/// Of a shard whose nodes have yet to replay its work.
pub(super) const APPLIED: &str = "is applied, and its replicas have yet to replay it";

impl Rollout {
    /// Takes in one event, refusing any that `next` did not ask for and any act that makes no sense now.
    ///
    /// An answer may come late: of a gate after a person paused, of a shard that was skipped. It is refused
    /// here and is to be dropped, not journalled.
    pub fn record(&mut self, event: &Event, at: Timestamp, epoch: u64) -> Result<(), OutOfOrder> {
        self.fold(event, at, epoch).map_err(|why| OutOfOrder {
            event: Box::new(event.clone()),
            why,
        })
    }

    fn fold(&mut self, event: &Event, at: Timestamp, epoch: u64) -> Result<(), Why> {
        self.expect_alive(event, epoch)?;
        let was_broken_off = self.is_broken_off();
        match event {
            Event::RolloutStarted { digest, .. } => self.start(digest, at)?,
            Event::Restarted { .. } => {
                self.doubt_what_was_running();
                self.again = Some(Gate::NotAsked);
                // Whoever takes it up looks at the nodes itself.
                self.held.clear();
            }
            Event::GateAnswered {
                stage,
                wave,
                verdict,
            } => self.answer_gate(*stage, *wave, verdict, at)?,
            Event::ShardStarted { stage, shard } => self.start_shard(*stage, shard, at)?,
            Event::MigrationApplied {
                stage,
                shard,
                migration,
                ..
            } => self.apply_migration(*stage, shard, migration)?,
            Event::ShardEnded {
                stage,
                shard,
                outcome,
            } => self.end_shard(*stage, shard, outcome, at)?,
            Event::ShardReplaying {
                stage,
                shard,
                position,
            } => self.await_replicas(*stage, shard, position.as_ref(), at)?,
            Event::NotReplayed { stage, shard, .. } => self.miss_replicas(*stage, shard)?,
            Event::Held { reasons } => self.hold(reasons)?,
            // Of any shard of the fleet: the plan need not have work for it.
            Event::PrimaryMoved { .. } => {}
            Event::MigrationsLost {
                stage,
                shard,
                migrations,
                ..
            } => self.lose(*stage, shard, migrations)?,
            Event::ShardWaiting { stage, shard, .. }
            | Event::StatementDone { stage, shard, .. }
            | Event::OnlineDdl { stage, shard, .. }
            | Event::ToolSaid { stage, shard, .. } => {
                self.expect_stage(*stage)?;
                self.number(shard)?;
            }
            Event::Approved {
                stage,
                wave,
                digest,
                ..
            } => self.approve(*stage, *wave, digest)?,
            Event::Paused { by, reason } => self.pause(by, reason.as_deref())?,
            Event::Resumed { .. } => self.resume()?,
            Event::Aborted { by, reason } => self.abort(by, reason.as_deref())?,
            Event::Retried { shard, .. } => self.retry(shard)?,
            Event::Skipped { shard, .. } => self.skip(shard)?,
            Event::Settled {
                shard,
                node: Some(_),
                ..
            } => self.retry(shard)?,
            Event::Settled {
                shard,
                migration,
                applied,
                ..
            } => self.settle(shard, migration, *applied)?,
            Event::Superseded { .. } => self.supersede()?,
            Event::Finished { verdict } => self.finish(verdict)?,
        }
        self.epoch = epoch;
        self.advance();
        // A gate's answer is of its hour: after a break, be it a night, nothing more starts before it is asked again.
        if was_broken_off && !self.is_broken_off() {
            self.again = Some(Gate::NotAsked);
        }
        Ok(())
    }

    /// Only the holder of the newest epoch speaks, only between the start and the end.
    fn expect_alive(&self, event: &Event, epoch: u64) -> Result<(), Why> {
        match (event, self.started) {
            (Event::RolloutStarted { .. }, true) => return Err(Why::StartedAlready),
            (Event::RolloutStarted { .. }, false) => return Ok(()),
            (_, false) => return Err(Why::NotStarted),
            _ => {}
        }
        if self.end.is_some() {
            return Err(Why::Ended);
        }
        if epoch < self.epoch {
            return Err(Why::StaleEpoch {
                event: epoch,
                current: self.epoch,
            });
        }
        if epoch > self.epoch && !matches!(event, Event::Restarted { .. }) {
            return Err(Why::NotTakenUp { event: epoch });
        }
        Ok(())
    }

    fn start(&mut self, digest: &str, at: Timestamp) -> Result<(), Why> {
        self.expect_digest(digest)?;
        self.started = true;
        self.taken_up = at;
        Ok(())
    }

    /// Whoever ran these is gone; what they sent may still be running, and may still commit.
    fn doubt_what_was_running(&mut self) {
        let running: Vec<u32> = self
            .in_flight
            .iter()
            .copied()
            .filter(|number| !self.unknown.contains_key(number))
            // What is applied is known, and only awaited again.
            .filter(|number| !self.replaying.contains_key(number))
            .collect();
        for number in running {
            let doubt = Doubt {
                migration: None,
                place: None,
                why: "the orchestrator that ran it is gone".to_owned(),
                needs_person: false,
            };
            self.unknown.insert(number, doubt);
            self.set(
                number,
                Progress::Unknown {
                    needs_person: false,
                },
            );
        }
    }

    /// Folds a gate's answer that says what the last one said: nothing has happened, and the gate is asked again later. No event is due then;
    /// whoever replays the journal asks anew anyway. False where it says something else.
    pub fn hear_again(
        &mut self,
        stage: usize,
        wave: usize,
        verdict: &Verdict,
        at: Timestamp,
    ) -> bool {
        let is_said = match (self.gate(), verdict) {
            (Gate::Waiting { reasons, .. }, Verdict::Wait { reasons: said }) => reasons == said,
            _ => false,
        };
        is_said && !self.has_ended() && self.answer_gate(stage, wave, verdict, at).is_ok()
    }

    fn answer_gate(
        &mut self,
        stage: usize,
        wave: usize,
        verdict: &Verdict,
        at: Timestamp,
    ) -> Result<(), Why> {
        self.expect_stage(stage)?;
        if wave >= self.plan.waves.len() {
            return Err(Why::NoSuchWave { wave });
        }
        if stage != self.cursor.stage || self.asked_wave() != Some(wave) {
            return Err(Why::GateNotAsked);
        }
        // It has soaked, and was approved, before it went the first time.
        let again = self.stands_before_gate_again();
        if let Some(until) = self.soak_until.filter(|until| !again && at < *until) {
            return Err(Why::Soaking { until });
        }
        if !again && self.lacks_approval() {
            return Err(Why::NotApproved);
        }
        let gate = match verdict {
            Verdict::Pass => {
                self.again = None;
                if again {
                    // It may have gone without work, and have some now that a failover lost: then it is the first that went.
                    let first = self.cursor.canary.unwrap_or(wave);
                    self.cursor.canary = Some(first.min(wave));
                } else {
                    self.open_wave();
                }
                return Ok(());
            }
            Verdict::Stop { why } => {
                self.gate_stop = Some(why.clone());
                Gate::NotAsked
            }
            Verdict::Wait { reasons } => {
                let times = match self.gate() {
                    Gate::Waiting { times, .. } => times.saturating_add(1),
                    _ => 0,
                };
                Gate::Waiting {
                    again: pause_before_asking_again(at, reasons, times),
                    reasons: reasons.clone(),
                    times,
                }
            }
        };
        if again {
            self.again = Some(gate);
        } else {
            self.cursor.gate = gate;
        }
        Ok(())
    }

    fn start_shard(&mut self, stage: usize, shard: &ShardName, at: Timestamp) -> Result<(), Why> {
        let number = self.number(shard)?;
        self.expect_current(stage)?;
        let state = match self.shards[number as usize].progress {
            Progress::Pending => None,
            Progress::NoWork => Some("has no work in this stage"),
            Progress::Running { .. } => Some("is running already"),
            Progress::Unknown { .. } => Some("is unknown: it is surveyed first"),
            Progress::Replaying { .. } => Some(APPLIED),
            Progress::Applied => Some("is applied already"),
            Progress::Failed => Some("has failed: it is retried first"),
            Progress::Skipped => Some("is skipped"),
        };
        if let Some(state) = state {
            return Err(self.refuse(number, state));
        }
        if self.is_stopped() {
            return Err(Why::Stopped);
        }
        if self.is_held() {
            return Err(Why::Held);
        }
        // Which of those whose turn it is goes first is for whoever starts them: a run may touch only some.
        if !self.has_gone(self.wave_of(number)) {
            return Err(Why::NotItsTurn);
        }
        if self.again.is_some() {
            return Err(Why::GateAskedAgain);
        }
        if !self.has_room_for(number) {
            return Err(Why::NoRoom);
        }
        self.set(number, Progress::Running { since: at });
        Ok(())
    }

    fn apply_migration(
        &mut self,
        stage: usize,
        shard: &ShardName,
        migration: &MigrationId,
    ) -> Result<(), Why> {
        let number = self.number(shard)?;
        self.expect_current(stage)?;
        self.expect_in_flight(number)?;
        if self.find_again(number, migration) {
            return Ok(());
        }
        let position = self.position(number, migration)?;
        self.shards[number as usize].applied = position + 1;
        self.mark_changed(number);
        Ok(())
    }

    fn end_shard(
        &mut self,
        stage: usize,
        shard: &ShardName,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Result<(), Why> {
        let number = self.number(shard)?;
        self.expect_current(stage)?;
        if self.replaying.contains_key(&number) {
            return self.end_replaying(number, outcome, at);
        }
        let was_asked = self.asks_again(number);
        self.expect_answer(number)?;
        if *outcome == Outcome::Applied {
            self.expect_nothing_owed(number)?;
        }
        self.unknown.remove(&number);
        if outcome.left().is_something() {
            self.mark_changed(number);
        }
        match outcome {
            Outcome::Applied => {
                let work = self.plan.work_of(stage, number).len();
                self.shards[number as usize].applied = work as u32;
                self.verify_again.remove(&number);
                self.mark_changed(number);
                self.set(number, Progress::Applied);
                self.soak(number, at);
            }
            Outcome::Absent { .. } => {
                if was_asked {
                    // Its query said yes; what else it lacks was not begun.
                    self.verify_again.remove(&number);
                }
                self.set(number, Progress::Pending);
            }
            Outcome::Failed { failure } => {
                // Failed on anything else, it has not said yes either.
                if failure.class == FailureClass::Verify {
                    self.verify_again.remove(&number);
                }
                self.failed.insert(number, failure.clone());
                self.set(number, Progress::Failed);
            }
            Outcome::Unknown { doubt } => {
                self.unknown.insert(number, doubt.clone());
                let needs_person = doubt.needs_person;
                self.set(number, Progress::Unknown { needs_person });
            }
        }
        Ok(())
    }

    fn supersede(&mut self) -> Result<(), Why> {
        if self.in_flight.len() > self.replaying.len() {
            return Err(Why::InFlight);
        }
        self.end = Some(End::Superseded);
        Ok(())
    }

    fn finish(&mut self, verdict: &str) -> Result<(), Why> {
        let finish = self.finishes().ok_or(Why::NotThrough)?;
        if finish.as_str() != verdict {
            return Err(Why::NotThrough);
        }
        self.end = Some(match finish {
            super::Finish::Done => End::Done,
            super::Finish::Aborted => End::Aborted,
        });
        Ok(())
    }

    /// The shard runs, or is looked at: an answer about it is due.
    pub(super) fn expect_in_flight(&self, number: u32) -> Result<(), Why> {
        let state = match self.shards[number as usize].progress {
            Progress::Running { .. }
            | Progress::Unknown {
                needs_person: false,
            } => return Ok(()),
            Progress::Unknown { needs_person: true } => "waits for a person to settle it",
            Progress::Replaying { .. } => APPLIED,
            Progress::NoWork => "has no work in this stage",
            Progress::Pending => "has not started",
            Progress::Applied => "is applied already",
            Progress::Failed => "has failed already",
            Progress::Skipped => "is skipped",
        };
        Err(self.refuse(number, state))
    }

    /// … or only its `verify` queries are asked, for which nothing is started.
    pub(super) fn expect_answer(&self, number: u32) -> Result<(), Why> {
        match self.asks_again(number) {
            true => Ok(()),
            false => self.expect_in_flight(number),
        }
    }

    /// A migration's place in the shard's work, which must lie after what is there.
    pub(super) fn position(&self, number: u32, migration: &MigrationId) -> Result<u32, Why> {
        let work = self.plan.work_of(self.cursor.stage, number);
        let shard = self.name(number).clone();
        let Some(position) = work.iter().position(|id| id == migration) else {
            return Err(Why::NoSuchWork {
                shard,
                migration: migration.clone(),
            });
        };
        if (position as u32) < self.shards[number as usize].applied {
            return Err(Why::AppliedAlready {
                shard,
                migration: migration.clone(),
            });
        }
        Ok(position as u32)
    }

    pub(super) fn mark_changed(&mut self, number: u32) {
        let shard = &mut self.shards[number as usize];
        if !shard.changed {
            shard.changed = true;
            self.changed += 1;
        }
    }

    pub(super) fn number(&self, shard: &ShardName) -> Result<u32, Why> {
        let number = self.plan.index().number(shard);
        number.ok_or_else(|| Why::NoSuchShard(shard.clone()))
    }

    pub(super) fn expect_stage(&self, stage: usize) -> Result<(), Why> {
        if stage < self.plan.stages.len() {
            Ok(())
        } else {
            Err(Why::NoSuchStage { stage })
        }
    }

    pub(super) fn expect_digest(&self, digest: &str) -> Result<(), Why> {
        if digest == self.plan.digest {
            return Ok(());
        }
        Err(Why::AnotherPlan {
            event: digest.to_owned(),
            plan: self.plan.digest.clone(),
        })
    }

    pub(super) fn refuse(&self, number: u32, state: &'static str) -> Why {
        Why::Shard {
            shard: self.name(number).clone(),
            state,
        }
    }

    pub(super) fn expect_current(&self, stage: usize) -> Result<(), Why> {
        self.expect_stage(stage)?;
        let Cursor { stage: current, .. } = self.cursor;
        if stage == current {
            Ok(())
        } else {
            Err(Why::AnotherStage { stage })
        }
    }
}
