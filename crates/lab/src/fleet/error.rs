//! What can go wrong with a fleet.

use std::io;
use std::path::PathBuf;

use crate::engine::Engine;
use crate::error::{Missing, SqlError, StartError};

/// Why a fleet could not be started, looked at, or taken down.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// There is no such server on this machine.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The folder that was named has no such server.
    #[error("no {engine} server in {}: name the folder with its programs, or leave it out to search for one", .bin.display())]
    NotThere {
        /// The engine.
        engine: Engine,
        /// The folder.
        bin: PathBuf,
    },
    /// A fleet is there already.
    #[error("{} has a lab already: take it down first (greylag lab down), or choose another folder", .dir.display())]
    Exists {
        /// The project's folder.
        dir: PathBuf,
    },
    /// A file that `up` would write is there.
    #[error("{} is there already, and the lab would write it: choose another folder", .file.display())]
    WouldOverwrite {
        /// The file.
        file: PathBuf,
    },
    /// There is none.
    #[error("{} has no lab (no lab.json): nothing to take down", .dir.display())]
    NoLab {
        /// The project's folder.
        dir: PathBuf,
    },
    /// A fleet without shards.
    #[error("a fleet needs at least one shard")]
    NoShards,
    /// A server did not come up.
    #[error("shard {shard}, {role} did not come up; what had been started is down again")]
    Start {
        /// The shard.
        shard: String,
        /// The node's role.
        role: String,
        /// Why.
        #[source]
        source: Box<StartError>,
    },
    /// The template that all servers are copied from could not be made.
    #[error("could not make the data directory that all servers are copied from")]
    Template(#[source] Box<StartError>),
    /// No server of the fleet is called so.
    #[error("the lab has no replica `{name}`: it has {known}")]
    NoReplica {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: String,
    },
    /// A server refused a statement.
    #[error("{node} could not be told")]
    Sql {
        /// Shard and role.
        node: String,
        /// Why.
        #[source]
        source: SqlError,
    },
    /// Files.
    #[error("{what}")]
    Files {
        /// What was tried.
        what: String,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// A process would not end.
    #[error("process {pid} ({shard}, {role}) did not end, also when killed: its files are left in {}", .folder.display())]
    Undead {
        /// Its number.
        pid: i32,
        /// The shard.
        shard: String,
        /// The node's role.
        role: String,
        /// Its folder.
        folder: PathBuf,
    },
}

impl FleetError {
    pub(crate) fn files(what: impl Into<String>) -> impl FnOnce(io::Error) -> FleetError {
        let what = what.into();
        move |source| FleetError::Files { what, source }
    }
}
