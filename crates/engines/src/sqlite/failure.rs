//! What SQLite's errors mean to a person: class, code, hint.
//!
//! The primary code tells most; "SQL logic error" is told apart by its words, which SQLite keeps stable.

use crate::error::EngineError;
use greylag_core::outcome::FailureClass;
use rusqlite::ffi;

/// An error of SQLite, understood.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub class: FailureClass,
    /// The extended result code.
    pub code: Option<String>,
    pub message: String,
    pub hint: Option<String>,
    /// Where in the statement's text, in bytes.
    pub offset: Option<usize>,
    primary: i32,
}

impl Trouble {
    /// Somebody else holds what is needed, for now.
    pub fn is_busy(&self) -> bool {
        matches!(self.primary, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED)
    }

    /// The seal turned somebody's COMMIT into a rollback.
    pub fn is_sealed_commit(&self) -> bool {
        self.code.as_deref() == Some(&ffi::SQLITE_CONSTRAINT_COMMITHOOK.to_string())
    }

    /// The disk or the file failed: what a COMMIT did can only be told by looking.
    pub fn is_of_the_disk(&self) -> bool {
        matches!(self.primary, ffi::SQLITE_IOERR | ffi::SQLITE_CORRUPT)
    }

    pub fn into_error(self, address: &str, doing: &'static str) -> EngineError {
        EngineError::Server {
            address: address.to_owned(),
            doing,
            class: self.class,
            code: self.code,
            message: self.message,
            hint: self.hint,
        }
    }

    /// A refusal of Greylag's own, before or beside what SQLite says.
    pub fn own(class: FailureClass, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            class,
            code: None,
            message: message.into(),
            hint: Some(hint.into()),
            offset: None,
            primary: ffi::SQLITE_OK,
        }
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        let (code, message, offset) = match error {
            rusqlite::Error::SqliteFailure(code, message) => {
                let message = message.unwrap_or_else(|| code.to_string());
                (code, message, None)
            }
            rusqlite::Error::SqlInputError {
                error, msg, offset, ..
            } => (error, msg, usize::try_from(offset).ok()),
            rusqlite::Error::MultipleStatement => {
                return Self::own(
                    FailureClass::Syntax,
                    "more than one statement where one was expected",
                    "This is a fault of Greylag's splitter: please report the file.",
                );
            }
            other => {
                return Self {
                    class: FailureClass::Other,
                    code: None,
                    message: other.to_string(),
                    hint: None,
                    offset: None,
                    primary: ffi::SQLITE_OK,
                };
            }
        };
        let primary = code.extended_code & 0xff;
        let (class, hint) = judge(primary, code.extended_code, &message);
        Self {
            class,
            code: Some(code.extended_code.to_string()),
            message,
            hint: hint.map(str::to_owned),
            offset,
            primary,
        }
    }
}

fn judge(primary: i32, extended: i32, message: &str) -> (FailureClass, Option<&'static str>) {
    use FailureClass::*;
    match primary {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => (
            Lock,
            Some(
                "Another process is using the file (an open write transaction, or a reader that keeps a commit waiting): let it finish, or stop it, then run again.",
            ),
        ),
        ffi::SQLITE_CONSTRAINT => (
            Data,
            Some(
                "Rows of this shard do not satisfy the constraint: mend them there, or change the migration.",
            ),
        ),
        ffi::SQLITE_TOOBIG | ffi::SQLITE_MISMATCH => (Data, None),
        ffi::SQLITE_PERM | ffi::SQLITE_AUTH => (Permission, None),
        ffi::SQLITE_READONLY => (
            Permission,
            Some(
                "The file, its folder or its file system is read-only for this user: make both writable (SQLite keeps its journal beside the file).",
            ),
        ),
        ffi::SQLITE_CANTOPEN => (
            Permission,
            Some(
                "SQLite could not open the file or its journal beside it: check the permissions of the file and of its folder.",
            ),
        ),
        ffi::SQLITE_FULL => (
            Other,
            Some(
                "The disk (or the file's max_page_count) is full: make room, then run again; nothing was changed.",
            ),
        ),
        ffi::SQLITE_IOERR => (
            Other,
            Some(
                "The disk failed to read or write: check it, and the system's log, before running again.",
            ),
        ),
        ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => (
            Other,
            Some(
                "The file is damaged or no database: check it with `PRAGMA integrity_check` and restore it from a backup.",
            ),
        ),
        ffi::SQLITE_NOMEM => (Other, Some("Memory ran out.")),
        ffi::SQLITE_INTERRUPT => (Cancelled, None),
        ffi::SQLITE_SCHEMA => (Conflict, None),
        _ => by_words(extended, message),
    }
}

/// "SQL logic error" is SQLite's word for everything about the statement itself.
fn by_words(extended: i32, message: &str) -> (FailureClass, Option<&'static str>) {
    use FailureClass::*;
    const OFF: &str = "Put `-- greylag:transaction off` at the top of the file: it then runs statement by statement, and resumes where it stopped.";
    let says = |words: &str| message.contains(words);
    if says("already exists")
        || says("already another table or index")
        || says("duplicate column name")
    {
        return (
            Conflict,
            Some(
                "The shard already has it, perhaps by hand: compare it with the migration; then drop it there, or let the file say IF NOT EXISTS.",
            ),
        );
    }
    if says("within a transaction") || says("inside a transaction") {
        return (Syntax, Some(OFF));
    }
    if says("no such ") || says("has no column") {
        return (
            Syntax,
            Some(
                "The shard does not have it: is the name right, and has an earlier migration made it?",
            ),
        );
    }
    if extended == ffi::SQLITE_ERROR || says("syntax error") {
        return (Syntax, None);
    }
    (Other, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    fn trouble(setup: &str, sql: &str) -> Trouble {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(setup).unwrap();
        connection.execute_batch(sql).unwrap_err().into()
    }

    #[test]
    fn each_kind_of_error_has_its_class() {
        let cases = [
            (
                "CREATE TABLE a (x UNIQUE); INSERT INTO a VALUES (1)",
                "INSERT INTO a VALUES (1)",
                FailureClass::Data,
            ),
            (
                "CREATE TABLE a (x)",
                "CREATE TABLE a (x)",
                FailureClass::Conflict,
            ),
            (
                "CREATE TABLE a (x)",
                "ALTER TABLE a ADD COLUMN x",
                FailureClass::Conflict,
            ),
            ("", "SELECT * FROM nowhere", FailureClass::Syntax),
            ("", "CRATE TABLE a (x)", FailureClass::Syntax),
            ("BEGIN", "VACUUM", FailureClass::Syntax),
        ];
        for (setup, sql, class) in cases {
            let trouble = trouble(setup, sql);
            assert_eq!(trouble.class, class, "{sql}: {trouble:?}");
            assert!(trouble.code.is_some(), "{sql}: {trouble:?}");
        }
    }

    #[test]
    fn a_refusal_inside_a_transaction_names_the_directive() {
        let hint = trouble("BEGIN", "VACUUM").hint.unwrap();
        assert!(hint.contains("greylag:transaction off"), "{hint}");
    }

    #[test]
    fn a_syntax_error_knows_its_place() {
        let connection = Connection::open_in_memory().unwrap();
        let error = connection.prepare("SELECT 1 FRM x").unwrap_err();
        assert_eq!(Trouble::from(error).offset, Some(13));
    }
}
