//! What a script is made of.

use super::{memo::Memo, refusal::Refusal};
use crate::{
    digest::sha256,
    engine::Dialect,
    migration::MigrationError,
    outcome::Place,
    source::{Position, Source},
};
use std::{ops::Range, sync::Arc};

/// Above this many bytes a script is sent statement by statement: one message of it would cost the server too much memory.
pub const LARGE: usize = 1_000_000;

/// A file's text cut into statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub dialect: Dialect,
    pub text: Arc<str>,
    /// In order, non-overlapping; what lies between is blanks, comments and delimiters.
    pub statements: Vec<Statement>,
    /// The way back to the file's own lines.
    pub source: Source,
    /// What of it can't be run, once it was asked.
    pub(super) refused: Memo<Vec<Refusal>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The statement's bytes within the text, without its delimiter and without blanks and comments around it.
    pub span: Range<usize>,
    /// The line of the span's first byte, from 1, in the file on disk.
    pub line: u32,
    pub tx: Tx,
    /// The bytes of inline COPY data that follow the statement, without the closing `\.` line.
    pub copy_data: Option<Range<usize>>,
    /// It changes the session for the statements after it (SET, USE, PRAGMA, `set_config`): run again before resuming after it.
    pub session: bool,
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

impl Script {
    /// A statement's text.
    pub fn sql(&self, statement: &Statement) -> &str {
        &self.text[statement.span.clone()]
    }

    /// The same file without some of its statements (counted from 0).
    #[must_use]
    pub fn keeping(&self, keep: impl Fn(usize) -> bool) -> Script {
        let statements = self.statements.iter().enumerate();
        let kept = statements.filter(|(index, _)| keep(*index));
        Script {
            statements: kept.map(|(_, statement)| statement.clone()).collect(),
            refused: Memo::default(),
            ..self.clone()
        }
    }

    /// Whether it is too large to send in one message.
    pub fn is_large(&self) -> bool {
        self.text.len() > LARGE
    }

    /// Whether a statement carries inline COPY data.
    pub fn has_copy(&self) -> bool {
        self.statements.iter().any(|s| s.copy_data.is_some())
    }

    /// Whether the file begins or ends transactions of its own.
    pub fn controls_transactions(&self) -> bool {
        self.statements.iter().any(|s| {
            matches!(
                s.tx,
                Tx::Control(TxControl::Begin | TxControl::Commit | TxControl::Rollback)
            )
        })
    }

    /// Where `:batch` stands in code: in no string and no comment.
    pub fn batch_marks(&self) -> Vec<Range<usize>> {
        let marks = |statement: &Statement| {
            let at = statement.span.start;
            super::words::batch_marks(self.dialect, self.sql(statement))
                .map(move |span| at + span.start..at + span.end)
                .collect::<Vec<_>>()
        };
        let may = self.text.contains(":batch");
        self.statements
            .iter()
            .filter(|_| may)
            .flat_map(marks)
            .collect()
    }

    /// Line and column, in the file on disk, of a byte of the text.
    pub fn position(&self, offset: usize) -> Position {
        self.source.position(offset)
    }

    /// The place of a statement (counted from 0), for a message. Past the last one, the last one's.
    pub fn place(&self, script: &str, statement: usize) -> Option<Place> {
        let index = statement.min(self.statements.len().checked_sub(1)?);
        self.place_at(script, index, 0)
    }

    /// The place of a character (counted from 0) within a statement (counted from 0), as servers report where an error is.
    pub fn place_at(&self, script: &str, statement: usize, character: usize) -> Option<Place> {
        let found = self.statements.get(statement)?;
        let sql = self.sql(found);
        let within = sql.char_indices().nth(character).map_or(0, |(at, _)| at);
        let position = self.position(found.span.start + within);
        let from = sql[..within].rfind('\n').map_or(0, |at| at + 1);
        Some(Place {
            script: script.to_owned(),
            statement: u32::try_from(statement + 1).unwrap_or(u32::MAX),
            line: position.line,
            column: Some(position.column),
            excerpt: excerpt(&sql[from..]),
        })
    }

    /// An error at a statement, ready to be drawn.
    pub fn error_at(
        &self,
        script: &str,
        statement: usize,
        fault: crate::migration::Fault,
        hint: Option<String>,
    ) -> Option<MigrationError> {
        let span = self.statements.get(statement)?.span.clone();
        Some(MigrationError::new(script, &self.source, span, fault, hint))
    }
}

impl Statement {
    /// The first 16 hexadecimal digits of the SHA-256 of its text (after placeholders).
    pub fn hash(&self, script: &Script) -> String {
        let mut digest = sha256(script.sql(self));
        digest.truncate(16);
        digest
    }

    /// Whether it changes the session for the statements after it.
    pub fn sets_session(&self) -> bool {
        self.session
    }
}

/// The first line that says something, shortened.
fn excerpt(sql: &str) -> String {
    let line = sql.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or_default();
    match line.char_indices().nth(80) {
        None => line.to_owned(),
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
    }
}
