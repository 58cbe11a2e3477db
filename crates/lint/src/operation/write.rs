//! Statements that read and write rows.

use super::{Bytes, Name};

/// A statement over rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Write {
    pub verb: Verb,
    /// The table written.
    pub table: Option<Name>,
    /// WHERE at the outermost level; of MySQL's joins, else what an inner one goes by.
    pub condition: Option<Bytes>,
    /// The condition is always true: `1 = 1`, `true`.
    pub always_true: bool,
    pub limit: bool,
    pub ordered: bool,
    /// Rows come from a query, not from VALUES.
    pub from_query: bool,
    /// The columns listed behind INSERT INTO t.
    pub columns: Vec<String>,
    /// The columns of ON CONFLICT (…).
    pub conflict: Option<Vec<Option<String>>>,
    /// Columns that UPDATE sets.
    pub sets: Vec<String>,
    /// Every other table that is read.
    pub reads: Vec<Name>,
    /// INSERT, MERGE and CREATE TABLE AS: the tables that its rows come from, its own among them; not those that are only looked into.
    pub sources: Vec<Source>,
    /// INSERT … VALUES: how many rows stand in it.
    pub rows: Option<u64>,
    /// Functions called, in lower case.
    pub calls: Vec<String>,
    /// Those that are written with a schema, which isn't the server's own.
    pub qualified: Vec<String>,
    /// Settings that `set_config` changes, with their values as written.
    pub settings: Vec<(String, String)>,
    /// What MERGE does: INSERT, UPDATE, DELETE.
    pub merges: Vec<Verb>,
    /// Columns that its condition holds to constants.
    pub pinned: Vec<Pinned>,
    /// Other tables stand beside the one written: FROM, USING, JOIN.
    pub beside: bool,
    /// Carries `:batch`.
    pub batched: bool,
    /// SELECT *.
    pub star: bool,
    /// Further writes within its WITH, and of MySQL's joins those of the other tables.
    pub within: Vec<Write>,
    /// The statement is a query, and this write stands in its WITH.
    pub in_query: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verb {
    #[default]
    Select,
    Insert,
    Update,
    Delete,
    Merge,
    Copy,
}

impl Write {
    /// It, and those within it.
    pub fn all(&self) -> impl Iterator<Item = &Write> {
        std::iter::once(self).chain(&self.within)
    }

    /// The table written is none that is only read.
    pub(crate) fn forget_own(&mut self) {
        if let Some(table) = &self.table {
            self.reads.retain(|read| !read.is(table));
        }
    }
}

/// A table that rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub table: Name,
    /// Columns that its query holds to constants.
    pub pinned: Vec<Pinned>,
}

/// A column in which every row that is reached has one of a few constants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pinned {
    pub column: String,
    /// How many constants.
    pub values: usize,
    /// One of them is a bare number.
    pub number: bool,
}
