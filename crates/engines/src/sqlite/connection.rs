//! A working connection to a shard's file, set up as the `sqlite3` shell would have it.

use super::{
    file::{FileError, ShardFile},
    location::Mode,
    stop::Stop,
};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long anything but a migration's statements waits for another process that is in the middle of a commit.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How many of SQLite's instructions pass between two looks at whether to stop.
const LOOK_EVERY: i32 = 20_000;

/// Opens the file and proves that it is a database.
///
/// While `sealed`, whatever tries to commit on this connection is rolled back instead.
pub(super) fn connect(
    file: &ShardFile,
    stop: &Arc<Stop>,
    sealed: &Arc<AtomicBool>,
) -> Result<Connection, FileError> {
    let failed = |source| FileError::Sqlite {
        path: file.path.clone(),
        source,
    };
    let access = match file.mode {
        Mode::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Mode::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Mode::Create => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&file.path, flags).map_err(failed)?;
    set_up(connection, file, stop, sealed)
}

/// An empty database in memory, in place of a file that is not there yet: looking at it reads an empty shard, and creates none.
pub(super) fn stand_in(
    file: &ShardFile,
    stop: &Arc<Stop>,
    sealed: &Arc<AtomicBool>,
) -> Result<Connection, FileError> {
    let connection = Connection::open_in_memory().map_err(|source| FileError::Sqlite {
        path: file.path.clone(),
        source,
    })?;
    set_up(connection, file, stop, sealed)
}

fn set_up(
    mut connection: Connection,
    file: &ShardFile,
    stop: &Arc<Stop>,
    sealed: &Arc<AtomicBool>,
) -> Result<Connection, FileError> {
    let failed = |source| FileError::Sqlite {
        path: file.path.clone(),
        source,
    };
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    // The bundled build enforces foreign keys by default; a table rebuild would then delete ON DELETE CASCADE children.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)
        .map_err(failed)?;
    let look = Arc::clone(stop);
    connection
        .progress_handler(LOOK_EVERY, Some(move || look.due()))
        .map_err(failed)?;
    let seal = Arc::clone(sealed);
    connection
        .commit_hook(Some(move || seal.load(Ordering::SeqCst)))
        .map_err(failed)?;
    stop.attach(connection.get_interrupt_handle());
    prove(&connection, file)?;
    Ok(connection)
}

/// Reads the header, which opening alone does not.
fn prove(connection: &Connection, file: &ShardFile) -> Result<(), FileError> {
    match connection.query_row("PRAGMA schema_version", [], |_| Ok(())) {
        Ok(()) => Ok(()),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Err(FileError::NotADatabase(file.path.clone())),
            // Somebody is at work in it: a database, and the verbs that follow will say who waits for what.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Ok(()),
            _ => Err(FileError::Sqlite {
                path: file.path.clone(),
                source: error,
            }),
        },
    }
}
