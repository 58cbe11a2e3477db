//! The rollout's state, its journal and its watchers, kept in step.
//!
//! An event is judged by the state, then written, then shown; what could not be written is not shown.

use crate::{
    journal::{Journal, JournalError, KnownShard, Lease, Taken},
    watch::{Notice, Watcher},
};
use greylag_core::{
    event::{Event, Stamped},
    fleet::ShardName,
    gate::Verdict,
    migration::MigrationId,
    rollout::{OutOfOrder, Rollout},
};
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc};

pub struct Ledger {
    pub rollout: String,
    pub state: Rollout,
    pub lease: Lease,
    sequence: u64,
    journal: Arc<dyn Journal>,
    watcher: Arc<dyn Watcher>,
    /// Judged, and to be written by the next commit.
    unwritten: Vec<Stamped>,
    taken: Vec<Taken>,
    proven: Vec<KnownShard>,
    applied: u64,
    changed: BTreeSet<ShardName>,
}

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The state machine did not ask for it: a fault of ours, or a damaged journal.
    #[error("the event does not fit the rollout")]
    OutOfOrder(#[from] OutOfOrder),
}

impl Ledger {
    pub fn new(
        rollout: String,
        state: Rollout,
        sequence: u64,
        lease: Lease,
        journal: Arc<dyn Journal>,
        watcher: Arc<dyn Watcher>,
    ) -> Self {
        Self {
            rollout,
            state,
            lease,
            sequence,
            journal,
            watcher,
            unwritten: Vec::new(),
            taken: Vec::new(),
            proven: Vec::new(),
            applied: 0,
            changed: BTreeSet::new(),
        }
    }

    /// Judges an event, and keeps it for the next commit.
    pub fn record(&mut self, event: Event) -> Result<(), OutOfOrder> {
        let at = Timestamp::now();
        self.state.record(&event, at, self.lease.epoch)?;
        match &event {
            Event::MigrationApplied { shard, .. } => {
                self.applied += 1;
                self.changed.insert(shard.clone());
            }
            Event::ShardEnded { shard, outcome, .. } if outcome.left().is_something() => {
                self.changed.insert(shard.clone());
            }
            _ => {}
        }
        self.sequence += 1;
        self.unwritten.push(Stamped {
            sequence: self.sequence,
            at,
            epoch: self.lease.epoch,
            event,
        });
        Ok(())
    }

    /// Folds a gate's answer that is the one it gave last: not worth a line in the journal. False where it is another.
    pub fn hear_again(&mut self, stage: usize, wave: usize, verdict: &Verdict) -> bool {
        let at = Timestamp::now();
        self.state.hear_again(stage, wave, verdict, at)
    }

    /// Judges events that only stand together: all, or none.
    pub fn record_all(&mut self, events: Vec<Event>) -> Result<(), OutOfOrder> {
        let mut trial = self.state.clone();
        let at = Timestamp::now();
        for event in &events {
            trial.record(event, at, self.lease.epoch)?;
        }
        events.into_iter().try_for_each(|event| self.record(event))
    }

    /// A request's answer, to be written with what it led to.
    pub fn answer(&mut self, taken: Taken) {
        self.taken.push(taken);
    }

    /// A shard that is who it should be, to be remembered with the events that come of it.
    pub fn prove(&mut self, shard: KnownShard) {
        self.proven.push(shard);
    }

    /// A history lacks what was recorded. What was recorded as lost by whoever looked before is not lost once more.
    pub fn lose(
        &mut self,
        stage: usize,
        shard: &ShardName,
        mut migrations: Vec<MigrationId>,
        primary: String,
    ) -> Result<(), OutOfOrder> {
        let recorded = self.state.recorded(shard);
        migrations.retain(|id| recorded.contains(id));
        if migrations.is_empty() {
            return Ok(());
        }
        self.record(Event::MigrationsLost {
            stage,
            shard: shard.clone(),
            migrations,
            primary,
        })
    }

    /// Whether the shard's migration has been recorded, and not been lost since.
    pub fn has_recorded(&self, shard: &ShardName, id: &MigrationId) -> bool {
        self.state.has_applied(shard, id)
    }

    /// Migrations applied by this run.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Shards that this run applied something on, be it some statements of a migration.
    pub fn changed(&self) -> &BTreeSet<ShardName> {
        &self.changed
    }

    /// Shards that were touched and whose end is not known: what was started but not written was not touched.
    pub fn in_flight(&self) -> usize {
        let untouched = |shard: &ShardName| {
            self.unwritten.iter().any(|stamped| {
                matches!(&stamped.event, Event::ShardStarted { shard: started, .. } if started == shard)
            })
        };
        self.state
            .in_flight()
            .filter(|shard| !untouched(shard))
            .count()
    }

    /// Writes what was recorded, in one transaction, then shows it.
    pub async fn commit(&mut self) -> Result<(), JournalError> {
        if self.unwritten.is_empty() && self.taken.is_empty() {
            return Ok(());
        }
        self.journal
            .append_and_remember(
                &self.lease,
                &self.rollout,
                &self.unwritten,
                &self.taken,
                &self.proven,
            )
            .await?;
        self.taken.clear();
        self.proven.clear();
        for stamped in self.unwritten.drain(..) {
            self.watcher.notice(&Notice::Event(stamped));
        }
        Ok(())
    }

    /// Shows what no journal keeps.
    pub fn show(&self, notice: Notice) {
        self.watcher.notice(&notice);
    }

    pub fn show_live(&self, event: Event) {
        self.show(Notice::Live {
            at: Timestamp::now(),
            event,
        });
    }
}
