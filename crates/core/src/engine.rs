//! The engines Greylag knows, and where they differ, as facts the planner reads.
//!
//! Knows no SQL and no driver. `match` on an engine belongs here, in `engines::open`, and (on the
//! dialect) in `script` and the lint; everywhere else the facts decide.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A database engine. A closed set, so that every `match` is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    Postgres,
    Mysql,
    Mariadb,
    Sqlite,
}

/// How a file's text is cut into statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    Sqlite,
}

/// Where engines differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    pub ddl: Ddl,
    pub exclusion: Exclusion,
    /// `group = "auto"` lets the pending migrations of a stage share one transaction.
    pub groups_by_default: bool,
    /// A shard may be one schema of a database.
    pub schema_shards: bool,
    pub replication: Replication,
    /// Statements name the way a table is changed (ALGORITHM, LOCK), and tools change tables beside running traffic.
    pub online_ddl: bool,
}

/// What a failed migration leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ddl {
    /// All of the migration, or none of it.
    Transactional,
    /// Each DDL statement commits by itself.
    PerStatement,
}

/// How one writer keeps another out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// A lock of the working connection, which dies with it.
    SessionLock,
    /// A lock on a file beside the database, which dies with the process.
    SidecarFile,
}

/// How changes reach other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replication {
    /// Write-ahead log positions (LSN).
    Wal,
    /// Global transaction identifiers.
    Gtid,
    None,
}

impl Engine {
    pub const ALL: [Engine; 4] = [
        Engine::Postgres,
        Engine::Mysql,
        Engine::Mariadb,
        Engine::Sqlite,
    ];

    /// The engine a URL's scheme names, as drivers know it.
    pub fn from_scheme(scheme: &str) -> Option<Engine> {
        match scheme {
            "postgres" | "postgresql" => Some(Engine::Postgres),
            "mysql" => Some(Engine::Mysql),
            "mariadb" => Some(Engine::Mariadb),
            "sqlite" => Some(Engine::Sqlite),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Engine::Postgres => "postgres",
            Engine::Mysql => "mysql",
            Engine::Mariadb => "mariadb",
            Engine::Sqlite => "sqlite",
        }
    }

    /// The name people write.
    pub fn title(self) -> &'static str {
        match self {
            Engine::Postgres => "PostgreSQL",
            Engine::Mysql => "MySQL",
            Engine::Mariadb => "MariaDB",
            Engine::Sqlite => "SQLite",
        }
    }

    pub fn dialect(self) -> Dialect {
        match self {
            Engine::Postgres => Dialect::Postgres,
            Engine::Mysql | Engine::Mariadb => Dialect::Mysql,
            Engine::Sqlite => Dialect::Sqlite,
        }
    }

    pub fn facts(self) -> Facts {
        match self {
            Engine::Postgres => Facts {
                ddl: Ddl::Transactional,
                exclusion: Exclusion::SessionLock,
                groups_by_default: false,
                schema_shards: true,
                replication: Replication::Wal,
                online_ddl: false,
            },
            Engine::Mysql | Engine::Mariadb => Facts {
                ddl: Ddl::PerStatement,
                exclusion: Exclusion::SessionLock,
                groups_by_default: false,
                schema_shards: false,
                replication: Replication::Gtid,
                online_ddl: true,
            },
            Engine::Sqlite => Facts {
                ddl: Ddl::Transactional,
                exclusion: Exclusion::SidecarFile,
                groups_by_default: true,
                schema_shards: false,
                replication: Replication::None,
                online_ddl: false,
            },
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
