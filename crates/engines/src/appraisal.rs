//! What a node holds and how it is set, for those who judge a migration before it runs: sizes, versions, settings.
//!
//! One look, over a connection of its own that only reads. Knows of no migration and no other node.

use crate::error::{EngineError, OpenError};
use greylag_core::node::Unobservable;
use std::collections::BTreeMap;

/// What one node holds and how it is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Appraisal {
    /// The server's version, as it says it.
    pub version: String,
    /// What tells this server from others: the same for all databases that run in it.
    pub server: String,
    /// It replays another server's changes.
    pub replica: bool,
    /// The version of the library that sorts text there, where the server tells.
    pub collation_version: Option<String>,
    pub tables: Vec<TableSize>,
    /// Settings of a working session that decide what a statement does: `TimeZone`, `sql_mode`, …
    pub settings: BTreeMap<String, String>,
    /// Commits wait until a standby has replayed them.
    pub waits_for_replay: bool,
    /// How it treats those who read while it replays; none on a primary.
    pub standby: Option<Standby>,
    pub publications: Vec<Publication>,
    pub slots: Vec<Slot>,
    /// What the account is not told.
    pub unseen: Vec<Unobservable>,
}

/// A table, as far as the server's own books tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableSize {
    pub schema: Option<String>,
    pub name: String,
    /// A name without a schema leads to it.
    pub visible: bool,
    /// The server's estimate.
    pub rows: u64,
    /// None where finding out would mean reading the whole file.
    pub table_bytes: Option<u64>,
    pub index_bytes: Option<u64>,
    pub has_primary_key: bool,
    /// MySQL: instant changes since it was written anew, where the account may know.
    pub row_versions: Option<u64>,
    /// Columns that the server numbers and keeps count of.
    pub numbered: Vec<Numbered>,
}

/// A column that is numbered, and how many of its numbers are used up: by the sequence or the counter behind it, not by its rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbered {
    pub column: String,
    /// As the server spells it.
    pub data_type: String,
    pub used: u64,
    /// How many there are, to the end of the type or of the sequence, whichever comes first.
    pub room: u64,
}

/// How a replica treats those who read there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standby {
    /// How long replay waits for a reader, in milliseconds; -1: for ever.
    pub conflict_delay_ms: i64,
    /// The primary keeps rows that readers here may still want.
    pub feedback: bool,
    /// How long the oldest transaction here has been open, in milliseconds.
    pub oldest_reader_ms: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    pub name: String,
    pub all_tables: bool,
    /// As `schema.table`.
    pub tables: Vec<String>,
    /// Those that it carries whole.
    pub schemas: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub name: String,
    pub logical: bool,
    /// Bytes that it may still fall behind; none: without limit.
    pub headroom_bytes: Option<u64>,
}

/// A node could not be appraised.
#[derive(Debug, thiserror::Error)]
pub enum AppraiseError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A row as sessions give it, read by its columns' names.
pub(crate) struct Cells(pub(crate) BTreeMap<String, Option<String>>);

impl Cells {
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned().flatten()
    }

    pub(crate) fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.text(name)?.trim().parse().ok()
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        matches!(self.text(name).as_deref(), Some("1" | "t" | "true" | "ON"))
    }
}
