//! What happened, durably: events of rollouts, the lease, the inbox, the shards once seen, and what people had done to them.
//!
//! Two stores, one suite: SQLite for one machine, PostgreSQL for teams. Knows no shard.

mod error;
mod life;
mod look_only;
mod postgres;
mod record;
mod revise;
mod sqlite;
mod store;

pub use error::JournalError;
pub use record::{
    Act, Amendment, Holder, InboxItem, KnownShard, LEASE, Lease, LeaseRow, LeaseTry, Location,
    NewRollout, PlannedRow, RolloutRow, Scope, StoredRollout, Taken,
};
pub use revise::revise;
pub use store::{Journal, look, open};
