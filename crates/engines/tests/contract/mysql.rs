//! MySQL's and MariaDB's part of the contract.

use crate::{
    fixture::{Fixture, Words},
    shard::HISTORY,
};
use async_trait::async_trait;
use greylag_core::engine::Engine;
use greylag_engines::Target;
use greylag_lab::{Proxy, Server, TestDatabase};
use std::{sync::Arc, time::Duration};

pub struct Mysql(Shard);
pub struct Mariadb(Shard);

/// What the two share: a database of a server.
struct Shard {
    server: Arc<Server>,
    database: TestDatabase,
    engine: Engine,
}

/// What both leave alike.
macro_rules! leaves {
    ($($own:expr),* $(,)?) => {
        &[
            ("SET @a = 5", "COALESCE(@a, 'none')"),
            ("SELECT 5 INTO @b", "COALESCE(@b, 'none')"),
            ("SET SESSION sql_mode = ''", "@@sql_mode"),
            ("SET SESSION sort_buffer_size = 99328", "@@sort_buffer_size"),
            ("SET timestamp = 1000000000", "NOW() > '2020-01-01'"),
            ("SET autocommit = 0", "@@autocommit"),
            ("USE information_schema", "DATABASE()"),
            ("SELECT LAST_INSERT_ID(77)", "LAST_INSERT_ID()"),
            ("SELECT GET_LOCK('left behind', 0)", "COALESCE(IS_USED_LOCK('left behind'), 0) = CONNECTION_ID()"),
            (
                "CREATE PROCEDURE p() BEGIN SET @c = 7; SET SESSION sort_buffer_size = 99328; \
                 CREATE TEMPORARY TABLE made AS SELECT 1 AS id; END; CALL p(); DROP PROCEDURE p",
                "CONCAT_WS(',', @c, @@sort_buffer_size)",
            ),
            $($own),*
        ]
    };
}

const WORDS: Words = Words {
    // A bare SLEEP that is cut short is a success.
    sleep: "SELECT count(*) FROM (SELECT 1 FROM (SELECT SLEEP(30) AS s) a WHERE s = 0) b",
    alone: "ANALYZE TABLE t",
    set: "SET group_concat_max_len = 4242",
    shown: "SELECT @@group_concat_max_len",
    as_set: "4242",
    leaves: &[],
    nonsense: "CREATE TABEL t (id integer)",
    column: 8,
};

macro_rules! fixture {
    ($name:ident, $engine:expr, $lab:expr, $leaves:expr) => {
        #[async_trait]
        impl Fixture for $name {
            const ENGINE: Engine = $engine;
            const WORDS: Words = Words {
                leaves: $leaves,
                ..WORDS
            };

            async fn start() -> Option<Self> {
                let server = greylag_lab::require($lab).await?;
                let database = server.database("contract").await.unwrap();
                Some(Self(Shard {
                    server,
                    database,
                    engine: $engine,
                }))
            }

            fn target(&self) -> Target {
                self.0.target(&self.0.database.url)
            }

            async fn proxied(&self) -> Option<(Target, Proxy)> {
                let proxy = Proxy::start(self.0.server.port()).await.unwrap();
                let name = &self.0.database.name;
                let url = self.0.server.url_through(proxy.port(), "greylag", name);
                Some((self.0.target(&url), proxy))
            }

            async fn value(&self, sql: &str) -> Option<String> {
                let name = &self.0.database.name;
                self.0.server.value(name, sql).await.unwrap()
            }

            async fn sleeps(&self) -> bool {
                let sql = "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND state = 'User sleep'";
                self.value(sql).await.as_deref() != Some("0")
            }

            async fn execute(&self, sql: &str) {
                let name = &self.0.database.name;
                self.0.server.execute(name, sql).await.unwrap();
            }
        }
    };
}

fixture!(
    Mysql,
    Engine::Mysql,
    greylag_lab::Engine::MySql,
    leaves![
        (
            "SET SESSION windowing_use_high_precision = 0",
            "@@windowing_use_high_precision"
        ),
        (
            "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "@@transaction_isolation"
        ),
        ("SET ROLE NONE", "CURRENT_ROLE()"),
    ]
);
fixture!(
    Mariadb,
    Engine::Mariadb,
    greylag_lab::Engine::MariaDb,
    leaves![
        (
            "SET SESSION check_constraint_checks = 0",
            "@@check_constraint_checks"
        ),
        ("SET SESSION alter_algorithm = 'COPY'", "@@alter_algorithm"),
        ("SET SESSION innodb_strict_mode = 0", "@@innodb_strict_mode"),
        (
            "SET SESSION explicit_defaults_for_timestamp = 0",
            "@@explicit_defaults_for_timestamp"
        ),
        ("SET SESSION old_mode = ''", "@@old_mode"),
        (
            "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "@@tx_isolation"
        ),
    ]
);

impl Shard {
    fn target(&self, url: &str) -> Target {
        Target {
            engine: self.engine,
            shard: "eu-1".parse().unwrap(),
            url: url.parse().unwrap(),
            password: None,
            schema: None,
            session_sql: Arc::from([]),
            project: Arc::from("orders"),
            history_table: Arc::from(HISTORY),
            connect_timeout: Duration::from_secs(10),
            application: Arc::from("greylag/r-1/eu-1"),
        }
    }
}
