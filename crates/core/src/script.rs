//! The statements of a file, with exact byte spans, per dialect.
//!
//! Knows how each dialect's text is cut and which statements can't share a transaction; knows no server.

use crate::engine::Dialect;
use std::{ops::Range, sync::Arc};

/// A file's text cut into statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub dialect: Dialect,
    pub text: Arc<str>,
    /// In order, non-overlapping; what lies between is blanks, comments and delimiters.
    pub statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The statement's bytes within the text, without its delimiter and without blanks and comments around it.
    pub span: Range<usize>,
    /// The line of the span's first byte, from 1.
    pub line: u32,
    pub tx: Tx,
    /// The bytes of inline COPY data that follow the statement, without the closing `\.` line.
    pub copy_data: Option<Range<usize>>,
}

/// How a statement stands to a transaction around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tx {
    Can,
    /// The server refuses it inside a transaction; says why, for a message.
    Cannot(&'static str),
    /// Commits implicitly what is open (MySQL, MariaDB).
    Commits(&'static str),
    /// The file's own BEGIN, COMMIT, ROLLBACK, …
    Control(TxControl),
    /// A procedure or block that may or may not commit inside; can't be known from the text.
    MayCommit(&'static str),
    /// Does nothing, or something else, inside a transaction (SQLite's PRAGMA foreign_keys).
    Ineffective(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxControl {
    Begin,
    /// COMMIT, END.
    Commit,
    Rollback,
    /// SAVEPOINT, RELEASE, ROLLBACK TO: harmless inside a transaction.
    Savepoint,
    /// SET TRANSACTION.
    Set,
}

/// How a file runs on a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunMode {
    /// The whole file and its history row in one transaction.
    Transaction,
    /// Statement by statement, with an intent before and a step row after each; says why.
    Statements { why: String },
}

impl Script {
    /// A statement's text.
    pub fn sql(&self, statement: &Statement) -> &str {
        &self.text[statement.span.clone()]
    }
}
