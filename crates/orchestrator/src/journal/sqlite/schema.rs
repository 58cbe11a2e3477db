//! The file's tables, and how it is opened.

use super::{super::JournalError, acts, work::explain};
use rusqlite::{Connection, OpenFlags};
use std::{fs, path::Path, time::Duration};

/// The format this version writes.
pub const FORMAT: i64 = 1;

/// `GRLG`, in SQLite's header: this file is ours.
const APPLICATION: i64 = 0x4752_4C47;

const TABLES: &str = "
CREATE TABLE lease(
  scope TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  holder_uuid TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  since INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT;
CREATE TABLE rollout(
  id TEXT PRIMARY KEY,
  project TEXT NOT NULL,
  environment TEXT NOT NULL,
  digest TEXT NOT NULL,
  plan TEXT NOT NULL,
  begun INTEGER NOT NULL,
  ended TEXT,
  sequence INTEGER NOT NULL
) STRICT;
CREATE INDEX rollout_of_project ON rollout(project, environment, begun);
CREATE TABLE file(
  rollout TEXT NOT NULL REFERENCES rollout(id),
  script TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY(rollout, script)
) STRICT, WITHOUT ROWID;
CREATE TABLE event(
  rollout TEXT NOT NULL REFERENCES rollout(id),
  sequence INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY(rollout, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE inbox(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  rollout TEXT NOT NULL REFERENCES rollout(id),
  by TEXT NOT NULL,
  at INTEGER NOT NULL,
  request TEXT NOT NULL,
  folded INTEGER,
  answer TEXT
) STRICT;
CREATE INDEX inbox_waiting ON inbox(rollout) WHERE folded IS NULL;
CREATE TABLE shard(
  project TEXT NOT NULL,
  environment TEXT NOT NULL,
  name TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY(project, environment, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE forgotten(
  id INTEGER PRIMARY KEY,
  project TEXT NOT NULL,
  environment TEXT NOT NULL,
  name TEXT NOT NULL,
  body TEXT NOT NULL,
  at INTEGER NOT NULL,
  by TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;
";

/// Opens the file to write, and makes it and its folder where there is none.
pub fn open(path: &Path) -> Result<Connection, JournalError> {
    let at = path.display().to_string();
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(|source| JournalError::Folder {
            path: folder.to_owned(),
            source,
        })?;
        keep_out_of_version_control(folder);
    }
    let failed = |source| explain(&at, "opening it", source);
    let mut connection = Connection::open(path).map_err(failed)?;
    connection
        .busy_timeout(Duration::from_secs(10))
        .map_err(failed)?;
    if connection.is_readonly("main").map_err(failed)? {
        return Err(JournalError::ReadOnly { at });
    }
    check(&connection, &at)?;
    connection
        .pragma_update(None, "journal_mode", "wal")
        .and_then(|()| connection.pragma_update(None, "synchronous", "full"))
        .and_then(|()| connection.pragma_update(None, "foreign_keys", true))
        .map_err(failed)?;
    create(&mut connection, &at)?;
    Ok(connection)
}

/// Opens a file that is there, to read.
pub fn look(path: &Path) -> Result<Connection, JournalError> {
    let at = path.display().to_string();
    let failed = |source| explain(&at, "opening it", source);
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(failed)?;
    connection
        .busy_timeout(Duration::from_secs(10))
        .map_err(failed)?;
    if check(&connection, &at)? == 0 {
        return memory();
    }
    Ok(connection)
}

/// An empty journal.
pub fn memory() -> Result<Connection, JournalError> {
    let failed = |source| explain("memory", "opening it", source);
    let mut connection = Connection::open_in_memory().map_err(failed)?;
    create(&mut connection, "memory")?;
    Ok(connection)
}

/// The file's format: 0 is an empty file.
fn check(connection: &Connection, at: &str) -> Result<i64, JournalError> {
    let failed = |source| explain(at, "reading its format", source);
    // One snapshot: another process may be making the tables between two reads.
    let connection = connection.unchecked_transaction().map_err(failed)?;
    let number = |pragma: &str| -> Result<i64, JournalError> {
        connection
            .pragma_query_value(None, pragma, |row| row.get(0))
            .map_err(failed)
    };
    let (application, format) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    if tables > 0 && application != APPLICATION {
        return Err(JournalError::Foreign {
            at: at.to_owned(),
            why: "it is an SQLite database of something else".into(),
        });
    }
    if format > FORMAT {
        return Err(JournalError::Newer {
            at: at.to_owned(),
            found: format,
            known: FORMAT,
        });
    }
    Ok(format)
}

/// Makes the tables, in one transaction that two processes may try at once.
fn create(connection: &mut Connection, at: &str) -> Result<(), JournalError> {
    let failed = |source| explain(at, "making its tables", source);
    let read =
        |c: &Connection| c.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    if read(connection).map_err(failed)? == FORMAT && acts::is_there(connection).map_err(failed)? {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(failed)?;
    if read(&transaction).map_err(failed)? == 0 {
        transaction
            .execute_batch(TABLES)
            .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION))
            .and_then(|()| transaction.pragma_update(None, "user_version", FORMAT))
            .map_err(failed)?;
    }
    transaction.execute_batch(acts::TABLE).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// The state is this machine's; a missing ignore file is no reason to stop.
fn keep_out_of_version_control(folder: &Path) {
    if folder.file_name().is_some_and(|name| name == ".greylag") {
        let ignore = folder.join(".gitignore");
        if !ignore.exists() {
            let _ = fs::write(ignore, "*\n");
        }
    }
}
