//! SQLite's part of the contract.

use crate::{
    fixture::{Fixture, Words},
    shard::HISTORY,
};
use async_trait::async_trait;
use greylag_core::engine::Engine;
use greylag_engines::Target;
use greylag_lab::Proxy;
use rusqlite::{Connection, types::Value};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tempfile::TempDir;

pub struct Sqlite {
    folder: TempDir,
}

#[async_trait]
impl Fixture for Sqlite {
    const ENGINE: Engine = Engine::Sqlite;
    const WORDS: Words = Words {
        sleep: "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n)",
        alone: "VACUUM",
        set: "PRAGMA cache_size = -77",
        shown: "SELECT (SELECT cache_size FROM pragma_cache_size)",
        as_set: "-77",
        leaves: &[
            ("PRAGMA case_sensitive_like = ON", "'a' LIKE 'A'"),
            (
                "PRAGMA cache_size = -77",
                "(SELECT cache_size FROM pragma_cache_size)",
            ),
            (
                "PRAGMA recursive_triggers = ON",
                "(SELECT recursive_triggers FROM pragma_recursive_triggers)",
            ),
            (
                "PRAGMA foreign_keys = ON",
                "(SELECT foreign_keys FROM pragma_foreign_keys)",
            ),
            (
                "ATTACH ':memory:' AS other",
                "(SELECT count(*) FROM pragma_database_list WHERE name = 'other')",
            ),
            (
                "CREATE TEMP VIEW v AS SELECT 1",
                "(SELECT count(*) FROM sqlite_temp_master)",
            ),
            (
                "CREATE TABLE temp.w (id integer)",
                "(SELECT count(*) FROM sqlite_temp_master)",
            ),
        ],
        nonsense: "CREATE TABEL t (id integer)",
        column: 8,
    };

    async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("shard.db"), "").unwrap();
        Some(Self { folder })
    }

    fn target(&self) -> Target {
        Target {
            engine: Engine::Sqlite,
            shard: "eu-1".parse().unwrap(),
            url: format!("sqlite:{}", self.path().display()).parse().unwrap(),
            password: None,
            schema: None,
            session_sql: Arc::from([]),
            project: Arc::from("orders"),
            history_table: Arc::from(HISTORY),
            connect_timeout: Duration::from_secs(10),
            application: Arc::from("greylag/r-1/eu-1"),
        }
    }

    async fn proxied(&self) -> Option<(Target, Proxy)> {
        None
    }

    async fn value(&self, sql: &str) -> Option<String> {
        let value: Value = self
            .connection()
            .query_row(sql, [], |row| row.get(0))
            .unwrap();
        match value {
            Value::Null => None,
            Value::Integer(number) => Some(number.to_string()),
            Value::Real(number) => Some(number.to_string()),
            Value::Text(text) => Some(text),
            Value::Blob(_) => panic!("a test asks for no blobs: {sql}"),
        }
    }

    async fn sleeps(&self) -> bool {
        // Nobody shows what another does; but it lets nobody write.
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        connection
            .execute_batch("BEGIN IMMEDIATE; ROLLBACK")
            .is_err()
    }

    async fn execute(&self, sql: &str) {
        self.connection().execute_batch(sql).unwrap();
    }
}

impl Sqlite {
    fn path(&self) -> PathBuf {
        self.folder.path().join("shard.db")
    }

    fn connection(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    }
}
