//! The loop: what the state machine says is done, what happens is heard, and nothing is in flight any more when it ends.

mod anchoring;
mod hearing;
mod orders;

use self::{anchoring::ANCHOR, orders::Rest};
use super::{
    heartbeat::Heartbeat,
    ledger::Ledger,
    losses::Losses,
    nodes::Nodes,
    run::{Ending, Run, Stop},
    tasks::Tasks,
    waiting::Patience,
};
use crate::{control::Level, executor::Report, watch::Notice};
use greylag_core::gate::WaitReason;
use std::sync::Arc;
use tokio::{sync::mpsc, time::Instant};

/// Carries the rollout on until it is finished, waits for something that is not waited for, or is interrupted.
///
/// Nothing is in flight any more when it returns, whichever way.
pub async fn dispatch(run: Arc<Run>, ledger: &mut Ledger) -> Result<Ending, Stop> {
    let heartbeat = Heartbeat::start(run.setup.journal.clone(), ledger.lease.clone());
    let (tasks, reports) = Tasks::new(run.clone());
    let mut dispatcher = Dispatcher {
        patience: Patience::new(&run.options),
        nodes: Nodes::new(run.clone(), ledger),
        run,
        tasks,
        reports,
        told_waiting: Vec::new(),
        told_level: Level::Run,
        inbox_at: Instant::now(),
        memory_at: Instant::now(),
        anchor_at: Instant::now() + ANCHOR,
        losses: Losses::default(),
    };
    dispatcher.nodes.excuse(ledger);
    let mut lease_lost = heartbeat.lost();
    // Whatever it is at, a write to a store that does not answer among it, ends with the lease: nothing begins after that.
    let ended = tokio::select! {
        biased;
        why = lost(&mut lease_lost) => Err(Stop::LeaseLost(why)),
        ended = dispatcher.carry_on(ledger) => ended,
    };
    if ended.is_ok() {
        // What a short run has proven is worth remembering, and no reason to fail.
        let _ = dispatcher.nodes.remember().await;
    }
    if let Err(stop) = &ended {
        dispatcher.tell_end(ledger, stop);
        dispatcher.let_end().await;
    }
    ended
}

struct Dispatcher {
    run: Arc<Run>,
    tasks: Tasks,
    reports: mpsc::UnboundedReceiver<Report>,
    patience: Patience,
    told_waiting: Vec<WaitReason>,
    told_level: Level,
    inbox_at: Instant,
    memory_at: Instant,
    anchor_at: Instant,
    losses: Losses,
    nodes: Nodes,
}

impl Dispatcher {
    async fn carry_on(&mut self, ledger: &mut Ledger) -> Result<Ending, Stop> {
        loop {
            let rest = self.follow_commands(ledger).await?;
            let interrupted = self.run.control.level() != Level::Run;
            self.tell_level(ledger);
            if self.tasks.is_idle() && (interrupted || !self.awaits_nodes(ledger, &rest)) {
                match rest {
                    Rest::Finished => return Ok(Ending::Finished),
                    Rest::More => continue,
                    _ if interrupted => return Ok(Ending::Interrupted),
                    Rest::Go => {
                        // Only shards that this run leaves alone are left to do: `--only`, or looked at in vain.
                        return Ok(Ending::Waiting(Vec::new()));
                    }
                    Rest::Until(_, reasons) | Rest::Person(reasons)
                        if !self.waits_for(&reasons) =>
                    {
                        return Ok(Ending::Waiting(reasons));
                    }
                    Rest::Until(at, reasons) => {
                        // The figures of now, not those of when it began to hold.
                        let reasons = match self.nodes.reasons() {
                            [] => reasons,
                            now => now.to_vec(),
                        };
                        self.tell_waiting(ledger, reasons);
                        self.listen(ledger, Some(at)).await?;
                        continue;
                    }
                    Rest::Person(reasons) => {
                        self.tell_waiting(ledger, reasons);
                    }
                }
            }
            self.listen(ledger, None).await?;
        }
    }

    /// A soak, an approval, a window are of the plan; where it is only settled what there is, that is the plan which is to be replaced.
    fn waits_for(&self, reasons: &[WaitReason]) -> bool {
        let is_of_plan = |reason: &WaitReason| {
            !matches!(
                reason,
                WaitReason::NotReplayed { .. } | WaitReason::Paused { .. }
            )
        };
        let settles_plan = self.run.settle_only && reasons.iter().any(is_of_plan);
        !settles_plan && self.patience.waits_for(reasons)
    }

    /// Whether nodes are waited for, whoever's patience: until they have been looked at, and until a shard's work is replayed or
    /// is overdue. What was overdue in an earlier run may be replayed by now.
    fn awaits_nodes(&self, ledger: &Ledger, rest: &Rest) -> bool {
        let in_time = || {
            let mut replaying = ledger.state.replaying();
            replaying.any(|(shard, overdue)| !overdue || self.nodes.is_unlooked(shard))
        };
        let is_undecided = || !self.run.settle_only && self.nodes.is_undecided();
        !matches!(rest, Rest::Finished) && (in_time() || is_undecided() && matches!(rest, Rest::Go))
    }

    async fn commit(&mut self, ledger: &mut Ledger) -> Result<(), Stop> {
        Ok(ledger.commit().await?)
    }

    /// Says at once that the run is over, where shards are still at work.
    fn tell_end(&self, ledger: &Ledger, stop: &Stop) {
        if let (Stop::LeaseLost(why), false) = (stop, self.tasks.is_idle()) {
            ledger.show(Notice::Warning {
                shard: None,
                text: format!(
                    "the lease on this fleet was lost: {why}; what is in flight finishes its current migration"
                ),
            });
        }
    }

    /// The run ends without the journal: nothing new begins, what is in flight finishes its current migration.
    async fn let_end(&mut self) {
        self.tasks.drain(true);
        self.tasks.stop_watching();
        self.tasks.drop_gate();
        while !self.tasks.is_idle() {
            self.tasks.next().await;
        }
    }

    fn tell_level(&mut self, ledger: &Ledger) {
        let level = self.run.control.level();
        if level != self.told_level {
            self.told_level = level;
            ledger.show(Notice::Stopping {
                cancelling: level == Level::Cancel,
                in_flight: self.tasks.in_flight().cloned().collect(),
            });
        }
    }

    fn tell_waiting(&mut self, ledger: &Ledger, reasons: Vec<WaitReason>) {
        if self.told_waiting != reasons {
            ledger.show(Notice::Waiting {
                reasons: reasons.clone(),
            });
            self.told_waiting = reasons;
        }
    }
}

/// Why the lease is lost, once it is.
async fn lost(lost: &mut tokio::sync::watch::Receiver<Option<String>>) -> String {
    match lost.wait_for(Option::is_some).await {
        Ok(why) => why.clone().unwrap_or_default(),
        Err(_) => "its heartbeat ended".into(),
    }
}
