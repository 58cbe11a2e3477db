//! An open shard: its file, the connection to it, its lock. Blocking; the session calls it on threads of their own.

use super::{
    connection,
    failure::Trouble,
    file::{FileError, ShardFile},
    location::Location,
    sidecar::Sidecar,
    stop::Stop,
    tables::Tables,
};
use crate::{
    error::{EngineError, OpenError},
    target::Target,
};
use rusqlite::Connection;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

pub(super) struct Shard {
    pub target: Target,
    pub file: ShardFile,
    pub address: String,
    /// This process: SQLite has no server that would number its connections.
    pub pid: String,
    pub tables: Tables,
    pub connection: Connection,
    /// The connection is to a stand-in: the file is made only once the shard's lock is held.
    pub absent: bool,
    pub stop: Arc<Stop>,
    /// While set, a COMMIT on the connection becomes a rollback.
    pub sealed: Arc<AtomicBool>,
    /// The shard's lock, while it is held.
    pub lock: Option<Sidecar>,
}

impl Shard {
    pub fn open(target: Target) -> Result<Shard, OpenError> {
        refuse_what_files_lack(&target)?;
        let location = Location::of(&target.url).map_err(|why| OpenError::Url {
            shard: target.shard.to_string(),
            why,
        })?;
        let address = target.address();
        let unreachable = |source: FileError| OpenError::Unreachable {
            address: address.clone(),
            source: Box::new(source),
        };
        let file = ShardFile::find(&location).map_err(unreachable)?;
        let stop = Arc::new(Stop::new());
        let sealed = Arc::new(AtomicBool::new(false));
        let absent = file.is_absent();
        let connection = if absent {
            connection::stand_in(&file, &stop, &sealed)
        } else {
            connection::connect(&file, &stop, &sealed)
        }
        .map_err(unreachable)?;
        let shard = Shard {
            tables: Tables::new(&target.history_table),
            address: file.path.display().to_string(),
            pid: std::process::id().to_string(),
            target,
            file,
            connection,
            absent,
            stop,
            sealed,
            lock: None,
        };
        shard.run_session_sql()?;
        Ok(shard)
    }

    /// Takes a fresh connection, free of whatever a file's PRAGMAs, ATTACHes and temporary tables left on the old one.
    pub fn reopen(&mut self) -> Result<(), OpenError> {
        self.sealed.store(false, Ordering::SeqCst);
        self.connection =
            connection::connect(&self.file, &self.stop, &self.sealed).map_err(|source| {
                OpenError::Unreachable {
                    address: self.address.clone(),
                    source: Box::new(source),
                }
            })?;
        self.absent = false;
        self.run_session_sql()
    }

    /// Makes the file of a shard that has none yet; the shard's lock is held.
    pub fn create(&mut self) -> Result<(), EngineError> {
        if !self.absent {
            return Ok(());
        }
        self.reopen().map_err(|error| EngineError::Lost {
            address: self.address.clone(),
            doing: "creating the file",
            source: Box::new(error),
        })
    }

    /// Turns an error of SQLite into the engine's.
    pub fn refused(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> EngineError + use<> {
        let address = self.address.clone();
        move |error| Trouble::from(error).into_error(&address, doing)
    }

    fn run_session_sql(&self) -> Result<(), OpenError> {
        for sql in &crate::session_sql::statements(&self.target)? {
            self.connection
                .execute_batch(sql)
                .map_err(|error| OpenError::SessionSql {
                    address: self.address.clone(),
                    statement: sql.clone(),
                    message: Trouble::from(error).message,
                })?;
        }
        Ok(())
    }
}

fn refuse_what_files_lack(target: &Target) -> Result<(), OpenError> {
    let why = if target.schema.is_some() {
        "an SQLite file has no schemas to be a shard of its own"
    } else if target.password.is_some() {
        "an SQLite file has no password"
    } else {
        return Ok(());
    };
    Err(OpenError::Url {
        shard: target.shard.to_string(),
        why: why.into(),
    })
}
