//! What a rule is.

use crate::{
    finding::Severity,
    judge::{Draft, File, Scene},
};
use greylag_core::engine::Dialect;

/// One rule: what it looks for, and how grave that is unless the project says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Stable: in settings, in `-- greylag:allow`, in reports.
    pub id: &'static str,
    pub group: Group,
    /// None: it speaks only where the project switches it on.
    pub severity: Option<Severity>,
    pub dialects: &'static [Dialect],
    /// One line: what it finds.
    pub title: &'static str,
    /// Why that is bad and what to do: paragraphs for `--explain` and for the rule's page.
    pub about: &'static str,
    /// A migration that it speaks about, and one that does the same without harm. Both run on the real engine.
    pub bad: &'static str,
    pub good: &'static str,
    pub(crate) look: Look,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Locks, scans and rewrites on the primary.
    Locks,
    /// What may share a transaction, and what may not.
    Transactions,
    /// Whether a migration fits its phase.
    Phase,
    /// What reaches replicas, and what it does there.
    Replicas,
    /// What differs or breaks between shards.
    Shards,
    /// Files and directives.
    Files,
    /// What only running it tells.
    Trace,
    /// What squawk finds.
    Squawk,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Look {
    /// Each statement.
    Statement(fn(&Scene<'_>) -> Vec<Draft>),
    /// Each file, with what its statements take.
    File(fn(&File<'_>) -> Vec<Draft>),
    /// Another room speaks for it.
    Elsewhere,
}

/// For PostgreSQL.
pub(crate) const POSTGRES: &[Dialect] = &[Dialect::Postgres];
/// For MySQL and MariaDB.
pub(crate) const MYSQL: &[Dialect] = &[Dialect::Mysql];
pub(crate) const SQLITE: &[Dialect] = &[Dialect::Sqlite];
pub(crate) const SERVERS: &[Dialect] = &[Dialect::Postgres, Dialect::Mysql];
pub(crate) const ALL: &[Dialect] = &[Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite];

impl Group {
    pub fn as_str(self) -> &'static str {
        match self {
            Group::Locks => "locks",
            Group::Transactions => "transactions",
            Group::Phase => "phase",
            Group::Replicas => "replicas",
            Group::Shards => "shards",
            Group::Files => "files",
            Group::Trace => "trace",
            Group::Squawk => "squawk",
        }
    }
}
