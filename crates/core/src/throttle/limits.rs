//! Limits on nodes that a person chose.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What of nodes holds a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// A guarded node further behind than this holds.
    pub max_lag: Duration,
    /// It holds until it is no further behind than this.
    pub resume_lag: Duration,
    /// So many looks in a row that came to nothing hold.
    pub missed: u32,
    pub catching_up: CatchingUp,
    /// How far the reader of a logical slot may be behind, in bytes of log.
    pub slot_lag: Option<u64>,
    /// How much log a slot may keep on its server.
    pub slot_retained: Option<u64>,
    /// Sessions at work on a primary.
    pub active: Option<u32>,
    /// Sessions on a primary that wait for a lock.
    pub lock_waiters: Option<u32>,
    /// Sessions at work on all primaries of one host together.
    pub active_per_host: Option<u32>,
}

impl Limits {
    /// Whether any of them is about a primary itself, whoever follows it.
    pub fn mind_primaries(&self) -> bool {
        let Self {
            max_lag: _,
            resume_lag: _,
            missed: _,
            catching_up: _,
            slot_lag,
            slot_retained,
            active,
            lock_waiters,
            active_per_host,
        } = self;
        slot_lag.or(*slot_retained).is_some()
            || active.or(*lock_waiters).or(*active_per_host).is_some()
    }
}

/// What is made of a node that is far behind and gaining: restored from a backup, or just started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchingUp {
    /// It holds like any that lags.
    #[default]
    Hold,
    /// It is left out until it has caught up, and said so.
    Exclude,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_lag: Duration::from_secs(5),
            resume_lag: Duration::from_secs(2),
            missed: 3,
            catching_up: CatchingUp::Hold,
            slot_lag: None,
            slot_retained: None,
            active: None,
            lock_waiters: None,
            active_per_host: None,
        }
    }
}
