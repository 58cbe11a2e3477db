//! What keeps a text from being cut into statements, and where it began.

use crate::{
    migration::{Fault, MigrationError},
    source::{Position, Source},
};
use std::ops::Range;

/// A fault, at the place where what is unfinished began.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {fault}")]
pub struct ScriptError {
    /// The bytes of the text that are at fault.
    pub span: Range<usize>,
    /// In the file on disk.
    pub position: Position,
    pub fault: ScriptFault,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptFault {
    #[error("the string that begins here never ends")]
    OpenString,
    #[error("the quoted name that begins here never ends")]
    OpenName,
    #[error("the dollar-quoted string `{tag}` that begins here never ends")]
    OpenDollar { tag: String },
    #[error("the comment that begins here never ends")]
    OpenComment,
    #[error("the parenthesis that opens here is never closed")]
    OpenParenthesis,
    #[error("the body that begins here never ends: its END is missing")]
    OpenBody,
    #[error("the COPY data that begins here never ends: the closing `\\.` line is missing")]
    OpenCopy,
    #[error("`{text}` follows the COPY on its line, where its data would begin")]
    AfterCopy { text: String },
    #[error("`{command}` is a command of psql, not SQL")]
    PsqlCommand { command: String },
    #[error("`{command}` is a command of the mysql client, not SQL")]
    MysqlCommand { command: String },
    #[error("`{command}` is a command of the sqlite3 shell, not SQL")]
    SqliteCommand { command: String },
    #[error("DELIMITER needs a delimiter behind it on its line")]
    NoDelimiter,
    #[error("the statement {why}")]
    Refused { why: &'static str },
}

impl ScriptError {
    pub(super) fn new(source: &Source, span: Range<usize>, fault: ScriptFault) -> Self {
        Self {
            position: source.position(span.start),
            span,
            fault,
        }
    }

    /// How to mend it.
    pub fn hint(&self) -> String {
        self.fault.hint()
    }

    /// The same, as a fault of a file.
    pub fn in_file(self, script: &str, source: &Source) -> MigrationError {
        let hint = self.hint();
        MigrationError::new(script, source, self.span, Fault::Script(self.fault), hint)
    }
}

impl ScriptFault {
    /// How to mend it.
    pub fn hint(&self) -> String {
        match self {
            ScriptFault::OpenString | ScriptFault::OpenName => {
                "Close it; a quote within is written twice.".to_owned()
            }
            ScriptFault::OpenDollar { tag } => {
                format!("Close it with `{tag}`, spelt the same.")
            }
            ScriptFault::OpenComment => {
                "Close it with `*/`; in PostgreSQL comments nest.".to_owned()
            }
            ScriptFault::OpenParenthesis => {
                "Close it; a `;` within parentheses doesn't end a statement.".to_owned()
            }
            ScriptFault::OpenBody => {
                "Close each BEGIN, IF, LOOP and CASE of the body with its END and a `;`.".to_owned()
            }
            ScriptFault::OpenCopy => "End the data with a line that is just `\\.`.".to_owned(),
            ScriptFault::AfterCopy { .. } => {
                "The data begins on the line after the `;`: move this elsewhere.".to_owned()
            }
            ScriptFault::PsqlCommand { .. } => {
                "Write it as SQL, or take it out: only `\\restrict` and `\\unrestrict` are passed over.".to_owned()
            }
            ScriptFault::MysqlCommand { .. } => {
                "Write it as SQL, or take it out: only DELIMITER is understood.".to_owned()
            }
            ScriptFault::SqliteCommand { .. } => "Write it as SQL, or take it out.".to_owned(),
            ScriptFault::Refused { .. } => "Take the statement out.".to_owned(),
            ScriptFault::NoDelimiter => "Write `DELIMITER //`, and `DELIMITER ;` after the bodies.".to_owned(),
        }
    }
}
