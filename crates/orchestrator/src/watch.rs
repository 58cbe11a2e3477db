//! What eyes are told while a run is under way. Terminal, NDJSON and page are folds of it.

use greylag_core::{
    event::{Event, Stamped},
    fleet::ShardName,
    gate::WaitReason,
    plan::Plan,
};
use jiff::Timestamp;
use std::sync::Arc;

/// Told to a watcher, in order.
#[derive(Clone, Debug)]
pub enum Notice {
    /// So many shards have been looked at; the last one by name.
    Surveyed {
        done: usize,
        total: usize,
        shard: ShardName,
        unreachable: Option<String>,
    },
    /// The run has the rollout; `past` are the events of earlier runs, to be folded before what follows.
    Taken {
        rollout: String,
        plan: Arc<Plan>,
        past: Arc<[Stamped]>,
    },
    /// It is in the journal.
    Event(Stamped),
    /// Of passing interest, and in no journal: statement progress, waits of a shard.
    Live { at: Timestamp, event: Event },
    /// The rollout as a whole waits, and why; empty when it goes on.
    Waiting { reasons: Vec<WaitReason> },
    /// Something a person should see that changes nothing: a server's warning, a notice about settings.
    Warning {
        shard: Option<ShardName>,
        text: String,
    },
    /// An interrupt was heard: in flight finish their current migration, or are cancelled on the servers.
    Stopping {
        cancelling: bool,
        in_flight: Vec<ShardName>,
    },
}

/// Told of everything, from one task, in order. Must not block.
pub trait Watcher: Send + Sync {
    fn notice(&self, notice: &Notice);
}

impl<F: Fn(&Notice) + Send + Sync> Watcher for F {
    fn notice(&self, notice: &Notice) {
        self(notice)
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blind;

impl Watcher for Blind {
    fn notice(&self, _: &Notice) {}
}
