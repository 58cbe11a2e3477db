//! The engines the lab can run, and nothing about how.

use std::fmt;
use std::str::FromStr;

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Engine {
    /// PostgreSQL, 14 and newer.
    Postgres,
    /// MySQL, 8.4 and newer.
    MySql,
    /// MariaDB, 10.11 and newer.
    MariaDb,
    /// SQLite; it has no server, so only [`crate::Scratch`] and [`crate::require`] know it.
    Sqlite,
}

impl Engine {
    /// All engines that have a server.
    pub const SERVERS: [Engine; 3] = [Engine::Postgres, Engine::MariaDb, Engine::MySql];

    /// The word for it on command lines and in environment variables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Engine::Postgres => "postgres",
            Engine::MySql => "mysql",
            Engine::MariaDb => "mariadb",
            Engine::Sqlite => "sqlite",
        }
    }

    /// The name of its administrator, as [`crate::Server::superuser_url`] uses it.
    #[must_use]
    pub fn superuser(self) -> &'static str {
        match self {
            Engine::Postgres => "postgres",
            _ => "root",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Postgres => "PostgreSQL",
            Engine::MySql => "MySQL",
            Engine::MariaDb => "MariaDB",
            Engine::Sqlite => "SQLite",
        })
    }
}

/// The word names no engine.
#[derive(Debug, thiserror::Error)]
#[error("unknown engine '{0}': use postgres, mysql, mariadb or sqlite")]
pub struct UnknownEngine(String);

impl FromStr for Engine {
    type Err = UnknownEngine;

    fn from_str(word: &str) -> Result<Self, UnknownEngine> {
        match word.to_ascii_lowercase().as_str() {
            "postgres" | "postgresql" | "pg" => Ok(Engine::Postgres),
            "mysql" => Ok(Engine::MySql),
            "mariadb" => Ok(Engine::MariaDb),
            "sqlite" => Ok(Engine::Sqlite),
            _ => Err(UnknownEngine(word.to_owned())),
        }
    }
}
