//! What a statement does, read from its text: the same words for every dialect.
//!
//! Spans are bytes of the script's text. What a reader did not understand is there as such (`Unknown`), never left out.

mod action;
mod name;
mod publication;
mod table;
mod write;

pub use action::{Action, AlterTable, Dropped, ReplicaIdentity};
pub use name::Name;
pub use publication::{Published, Relist};
pub use table::{
    Column, Constraint, ConstraintKind, CreateTable, DataType, Deed, Expression, Generated,
    OwnCheck, Reference,
};
pub use write::{Pinned, Source, Verb, Write};

use greylag_core::script::TxControl;
use std::ops::Range;

/// What a statement does.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    CreateTable(CreateTable),
    AlterTable(AlterTable),
    CreateIndex(CreateIndex),
    DropIndex(DropIndex),
    Reindex(Reindex),
    Create(Create),
    Drop(Drop),
    /// Any ALTER that is none of a table.
    Alter(Alter),
    Truncate(Truncate),
    Maintain(Maintain),
    LockTable {
        tables: Vec<Name>,
        mode: String,
        nowait: bool,
    },
    Write(Write),
    /// A query; what it calls and reads.
    Select(Write),
    Set {
        name: String,
        value: String,
        local: bool,
        /// GLOBAL or PERSIST: for everybody on the server.
        global: bool,
        /// MySQL sets several at once.
        more: Vec<(String, String)>,
    },
    Transaction(TxControl),
    Revoke(Revoke),
    /// Changes the server itself, or what its replicas follow: RESET MASTER, STOP REPLICA; in capitals.
    Server {
        what: String,
    },
    /// Runs text that can't be looked into: DO, CALL, EXECUTE, a file that is loaded.
    Opaque {
        what: &'static str,
    },
    /// Neither locks tables against anyone nor changes what they hold.
    Harmless {
        what: String,
    },
    /// It was not understood.
    Unknown {
        why: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct CreateIndex {
    pub name: Option<Name>,
    pub table: Name,
    pub unique: bool,
    pub concurrently: bool,
    pub if_not_exists: bool,
    /// ON ONLY: of a partitioned table, without its partitions.
    pub only: bool,
    /// Plain columns; an expression is None.
    pub columns: Vec<Option<String>>,
    pub method: Option<String>,
    pub partial: bool,
    /// Names within its expressions and its WHERE, folded: columns, and functions.
    pub mentions: Vec<String>,
    /// FULLTEXT, SPATIAL.
    pub kind: Option<String>,
    /// MySQL: ALGORITHM and LOCK.
    pub algorithm: Option<String>,
    pub lock: Option<String>,
    /// Behind CREATE [UNIQUE] INDEX, where CONCURRENTLY may be written.
    pub after_index: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DropIndex {
    pub names: Vec<Name>,
    /// MySQL: the table it is on.
    pub table: Option<Name>,
    pub concurrently: bool,
    pub if_exists: bool,
    pub cascade: bool,
    /// MySQL: ALGORITHM and LOCK.
    pub algorithm: Option<String>,
    pub lock: Option<String>,
    pub after_index: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Reindex {
    /// INDEX, TABLE, SCHEMA, DATABASE, SYSTEM.
    pub kind: String,
    pub name: Option<Name>,
    pub concurrently: bool,
}

/// Anything that can be made or dropped, apart from tables and indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Table,
    Index,
    View,
    MaterializedView,
    Sequence,
    Schema,
    Database,
    Function,
    Trigger,
    EventTrigger,
    Type,
    Domain,
    Policy,
    Rule,
    Extension,
    Role,
    Tablespace,
    Publication,
    Subscription,
    Event,
    Other,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Create {
    pub kind: Kind,
    pub name: Option<Name>,
    /// The table of a trigger, policy or rule.
    pub on: Option<Name>,
    pub or_replace: bool,
    pub if_not_exists: bool,
    pub temporary: bool,
    /// The tables that a view reads.
    pub reads: Vec<Name>,
    /// Functions that a view calls, in lower case.
    pub calls: Vec<String>,
    /// The account of DEFINER=…, as it is written.
    pub definer: Option<String>,
    /// Quoted labels of an enum, as they stand.
    pub labels: Vec<String>,
    /// What a publication carries.
    pub published: Published,
    /// A view whose query locks rows: FOR UPDATE, FOR SHARE.
    pub locks_rows: bool,
    /// A domain with CHECK or NOT NULL.
    pub constrained: bool,
    /// What a domain is made of.
    pub base: Option<String>,
    /// A domain's.
    pub default: Option<Expression>,
    /// A function that says it is IMMUTABLE or STABLE.
    pub steady: bool,
    /// Names within a view's query, folded.
    pub mentions: Vec<String>,
    /// It selects `*` somewhere.
    pub star: bool,
    /// The names of what a view gives; None where its text doesn't tell.
    pub columns: Option<Vec<String>>,
    /// What a function takes; None where that can't be read.
    pub arguments: Option<Vec<Argument>>,
    /// What a function gives back, in one spelling; nothing of a procedure, None where that can't be read.
    pub result: Option<String>,
}

/// What a function takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its type, in lower case, long spellings made short.
    pub data_type: String,
    /// It has a default.
    pub optional: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Drop {
    pub kind: Kind,
    /// MySQL: DROP TEMPORARY, which takes nothing that others see.
    pub temporary: bool,
    pub names: Vec<Name>,
    /// What the function of each name takes, where that is said.
    pub arguments: Vec<Option<Vec<Argument>>>,
    pub on: Option<Name>,
    pub if_exists: bool,
    pub cascade: bool,
}

/// ALTER of anything but a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Alter {
    pub kind: Kind,
    pub name: Option<Name>,
    /// The table of a trigger or policy.
    pub on: Option<Name>,
    pub change: Change,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    RenameTo(String),
    /// A label of an enum, an attribute.
    RenamePart {
        from: String,
        to: String,
    },
    /// A label of an enum, quoted as it stands.
    AddLabel {
        label: String,
        placed: bool,
        if_not_exists: bool,
    },
    SetSchema,
    Owner,
    /// A sequence begins anew.
    Restart,
    AddConstraint {
        not_valid: bool,
    },
    /// The tables of a publication.
    Tables {
        how: Relist,
        of: Published,
    },
    /// Any other; in capitals, with single blanks.
    Other(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Truncate {
    pub tables: Vec<Name>,
    /// ONLY: without what inherits from it.
    pub only: bool,
    pub cascade: bool,
    pub restart_identity: bool,
}

/// Takes rights away.
#[derive(Clone, Debug, PartialEq)]
pub struct Revoke {
    /// What they are rights to: none where it is a role that is taken away.
    pub on: Option<Kind>,
    /// Empty for all of a schema.
    pub names: Vec<Name>,
}

/// Work on what a table is stored as.
#[derive(Clone, Debug, PartialEq)]
pub struct Maintain {
    pub work: Work,
    pub tables: Vec<Name>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    Vacuum,
    VacuumFull,
    Cluster,
    Analyze,
    Optimize,
    Repair,
    Refresh { concurrently: bool },
}

impl Operation {
    /// The settings it changes, with their values.
    pub fn assignments(&self) -> impl Iterator<Item = (&str, &str)> {
        let (first, more): (_, &[_]) = match self {
            Operation::Set {
                name, value, more, ..
            } => (Some((name.as_str(), value.as_str())), more),
            Operation::Select(query) => (None, &query.settings),
            _ => (None, &[]),
        };
        let more = more
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        first.into_iter().chain(more)
    }

    /// The first table that it is about.
    pub fn table(&self) -> Option<&Name> {
        match self {
            Operation::CreateTable(op) => Some(&op.name),
            Operation::AlterTable(op) => Some(&op.name),
            Operation::CreateIndex(op) => Some(&op.table),
            Operation::DropIndex(op) => op.table.as_ref(),
            Operation::Create(op) => op.on.as_ref(),
            Operation::Drop(op) if op.kind == Kind::Table => op.names.first(),
            Operation::Drop(op) => op.on.as_ref(),
            Operation::Truncate(op) => op.tables.first(),
            Operation::Maintain(op) => op.tables.first(),
            Operation::LockTable { tables, .. } => tables.first(),
            Operation::Write(op) => op.table.as_ref(),
            _ => None,
        }
    }
}

/// A stretch of the script's text.
pub type Bytes = Range<usize>;
