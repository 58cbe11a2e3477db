//! The shard's lock: `<file>.greylag-lock`, itself an SQLite database, held by an open write transaction.
//!
//! The operating system frees it when the process dies, however it dies. The holder's name is a row committed just before,
//! and an IMMEDIATE transaction (unlike an EXCLUSIVE one) keeps other writers out while letting them read that row.
//! The file is left in place for ever: removing a lock's file lets two processes hold two files of one name.

use super::{failure::Trouble, file::ShardFile};
use crate::error::EngineError;
use greylag_core::outcome::Blocker;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, config::DbConfig};
use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The lock, held; dropping it frees it.
pub(super) struct Sidecar {
    #[expect(dead_code, reason = "holds the lock by being open")]
    connection: Connection,
}

/// Who takes a lock.
pub(super) struct Holder<'a> {
    pub pid: &'a str,
    pub application: &'a str,
}

pub(super) enum Taken {
    Held(Sidecar),
    Busy(Blocker),
}

/// For other processes' commits of their names, which take microseconds; the lock itself is never waited for.
const A_COMMIT: Duration = Duration::from_millis(250);

/// Tries once.
pub(super) fn take(file: &ShardFile, holder: &Holder<'_>) -> Result<Taken, EngineError> {
    let path = file.lock_path();
    let failed = |error| explain(error, &path);
    let connection = open(&path, OpenFlags::SQLITE_OPEN_CREATE).map_err(failed)?;
    let busy = |connection: &Connection| Ok(Taken::Busy(read(connection)));
    if !begin(&connection).map_err(failed)? {
        return busy(&connection);
    }
    connection.busy_timeout(A_COMMIT).map_err(failed)?;
    if let Err(error) = sign(&connection, holder) {
        // A reader of the name that dawdles keeps the commit waiting; the lock is then not ours to claim.
        return match error {
            error if is_busy(&error) => busy(&connection),
            error => Err(failed(error)),
        };
    }
    connection.busy_timeout(Duration::ZERO).map_err(failed)?;
    if !begin(&connection).map_err(failed)? {
        return busy(&connection);
    }
    Ok(Taken::Held(Sidecar { connection }))
}

/// Who holds the lock of a file, if anybody does.
pub(super) fn holder(file: &ShardFile) -> Result<Option<Blocker>, EngineError> {
    let path = file.lock_path();
    if !path.exists() {
        return Ok(None);
    }
    let failed = |error| explain(error, &path);
    let connection = open(&path, OpenFlags::empty()).map_err(failed)?;
    if begin(&connection).map_err(failed)? {
        return Ok(None);
    }
    Ok(Some(read(&connection)))
}

fn open(path: &Path, create: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    // The name is worth nothing after a power cut, so it need not be flushed to the disk.
    connection.execute_batch("PRAGMA synchronous = OFF")?;
    Ok(connection)
}

/// Whether the write transaction could be had.
fn begin(connection: &Connection) -> rusqlite::Result<bool> {
    match connection.execute_batch("BEGIN IMMEDIATE") {
        Ok(()) => Ok(true),
        Err(error) if is_busy(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Commits who holds the lock; the open transaction ends.
fn sign(connection: &Connection, holder: &Holder<'_>) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY, pid TEXT, application TEXT, login TEXT, since INTEGER)",
    )?;
    connection.execute(
        "INSERT OR REPLACE INTO holder VALUES (1, ?1, ?2, ?3, ?4)",
        (holder.pid, holder.application, login(), now()),
    )?;
    connection.execute_batch("COMMIT")
}

/// The name in the lock's file; the one before, if the holder is just about to write its own.
fn read(connection: &Connection) -> Blocker {
    let _ = connection.busy_timeout(A_COMMIT);
    let row = connection
        .query_row(
            "SELECT pid, application, login, since FROM holder WHERE id = 1",
            [],
            |row| {
                let since: i64 = row.get(3)?;
                Ok(Blocker {
                    pid: row.get(0)?,
                    application: row.get(1)?,
                    user: row.get(2)?,
                    query: None,
                    open_ms: u64::try_from(now().saturating_sub(since)).ok(),
                    holds: Some(HOLDS.into()),
                })
            },
        )
        .optional();
    row.ok().flatten().unwrap_or_else(|| Blocker {
        pid: "unknown".into(),
        user: None,
        application: None,
        query: None,
        open_ms: None,
        holds: Some(HOLDS.into()),
    })
}

const HOLDS: &str = "the shard's lock file";

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

/// The person's name as the system's login set it.
pub(super) fn login() -> Option<String> {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .filter(|name| !name.is_empty())
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

fn explain(error: rusqlite::Error, path: &Path) -> EngineError {
    let mut trouble = Trouble::from(error);
    trouble.hint = Some(format!(
        "Greylag keeps each shard's lock in a file beside it, here {}: its folder must be writable; a damaged lock file may be removed while no greylag runs.",
        path.display()
    ));
    trouble.into_error(&path.display().to_string(), "the shard's lock")
}
