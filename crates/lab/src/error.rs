//! What can go wrong in the lab.

use std::io;

use crate::engine::Engine;
use crate::installation;

/// The machine has no server of this engine.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error(
    "no {engine} server on this machine: run scripts/setup-lab, or install it ({hint}), or set {variable} to the folder of its programs",
    hint = hint(*.engine),
    variable = installation::variable(*.engine)
)]
pub struct Missing {
    /// The engine that is missing.
    pub engine: Engine,
}

fn hint(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "Debian: postgresql",
        Engine::MySql => "MySQL 8.4 or newer; Debian sid: mysql-server-core",
        Engine::MariaDb => "Debian: mariadb-server",
        Engine::Sqlite => "it is built in",
    }
}

/// A server could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no such server on this machine.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Files, ports or processes.
    #[error("{what}")]
    Machine {
        /// What was tried.
        what: String,
        /// What the machine said.
        #[source]
        source: io::Error,
    },
    /// It ended, or did not get ready in time.
    #[error("{engine} {version} {what}; the end of its log:\n{log}")]
    Server {
        /// Which engine.
        engine: Engine,
        /// Which version.
        version: String,
        /// What it did.
        what: String,
        /// The last lines of its log.
        log: String,
    },
    /// It refused a statement of the lab.
    #[error("a statement of the lab failed")]
    Sql(#[from] SqlError),
}

impl StartError {
    pub(crate) fn machine(what: impl Into<String>) -> impl FnOnce(io::Error) -> StartError {
        let what = what.into();
        move |source| StartError::Machine { what, source }
    }
}

/// A statement that the lab sent for itself or for a test.
#[derive(Debug, thiserror::Error)]
#[error("{message} (statement: {statement})")]
pub struct SqlError {
    /// What the server said.
    pub message: String,
    /// The statement.
    pub statement: String,
}
