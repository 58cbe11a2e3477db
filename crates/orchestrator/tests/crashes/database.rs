//! What a scripted database remembers, and what it does with work whose client has gone.

use greylag_core::{
    history::HistoryRow,
    migration::MigrationId,
    outcome::Failure,
    survey::{ShardIdentity, StepRow},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// One shard's database.
#[derive(Debug, Default)]
pub struct Database {
    pub history: Vec<HistoryRow>,
    pub steps: Vec<StepRow>,
    pub identity: Option<ShardIdentity>,
    /// The oracle: how often each migration took effect.
    pub effects: BTreeMap<MigrationId, u32>,
    /// The session that holds the lock.
    pub lock: Option<u64>,
    /// Somebody else who holds the lock, by application name.
    pub stranger: Option<String>,
    /// So long the server rolls back what such a session did, once that is ended.
    pub rolls_back: Duration,
    pub free_at: Option<Instant>,
    /// Sessions whose client has gone while the server still works for them.
    pub at_work: Option<u64>,
    /// Jobs that were begun.
    pub served: u32,
    /// What happens to the next attempts, in order; ordinary once it is empty.
    pub faults: VecDeque<Fault>,
    /// What sessions were asked for, in order: `open` and the verbs of an engine.
    pub calls: Vec<&'static str>,
    /// The next attempt begins once it is opened.
    pub gate: Option<Arc<Notify>>,
    /// The server's work begins once somebody has tried the lock in vain.
    pub until_tried: Option<Arc<Notify>>,
    /// Sessions open now, over its whole life at most so many at once.
    pub open: u32,
    pub most_open: u32,
}

/// What becomes of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    None,
    /// The server says no, and nothing stands.
    Fail(Failure),
    /// The connection is lost before anything happened.
    LoseBefore,
    /// The connection is lost after the commit.
    LoseAfter,
    /// The connection is lost after the effect, before its row where the two can't share a transaction.
    Torn,
    /// The connection is lost, and the catalog can't tell what became of it.
    Mystery,
    /// The connection is lost, and the server goes on with it for a while.
    Orphan,
}

pub type Shared = Arc<Mutex<Database>>;

impl Database {
    pub fn has(&self, id: &MigrationId) -> bool {
        self.history
            .iter()
            .any(|row| row.version.as_deref() == id.version().map(|v| v.as_str()))
    }

    pub fn take_effect(&mut self, id: &MigrationId) {
        *self.effects.entry(id.clone()).or_default() += 1;
    }

    pub fn write_row(&mut self, id: &MigrationId, script: &str, checksum: Option<i32>) {
        let installed_rank = self.history.len() as i32 + 1;
        self.history.push(HistoryRow {
            installed_rank,
            version: id.version().map(ToString::to_string),
            description: "x".into(),
            kind: "SQL".into(),
            script: script.into(),
            checksum,
            installed_by: "ann".into(),
            installed_on: "now".into(),
            execution_time: 1,
            success: true,
        });
        self.steps.retain(|step| step.migration != *id);
    }

    /// The lock is free once its session is closed and nothing runs for it any more.
    pub fn let_go(&mut self, session: u64) {
        if self.lock == Some(session) && self.at_work != Some(session) {
            self.lock = None;
        }
    }
}
