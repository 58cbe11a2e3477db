//! PostgreSQL's part of the contract.

use crate::{
    fixture::{Fixture, Words},
    shard::HISTORY,
};
use async_trait::async_trait;
use greylag_core::engine::Engine;
use greylag_engines::Target;
use greylag_lab::{Proxy, Server, TestDatabase};
use std::{sync::Arc, time::Duration};

pub struct Postgres {
    server: Arc<Server>,
    database: TestDatabase,
}

#[async_trait]
impl Fixture for Postgres {
    const ENGINE: Engine = Engine::Postgres;
    const WORDS: Words = Words {
        sleep: "SELECT pg_sleep(30)",
        alone: "VACUUM",
        set: "SET statement_timeout = '31s'",
        shown: "SELECT current_setting('statement_timeout')",
        as_set: "31s",
        leaves: &[
            (
                "PREPARE p AS SELECT 1",
                "(SELECT count(*) FROM pg_prepared_statements)",
            ),
            (
                "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
                "(SELECT count(*) FROM pg_cursors WHERE is_holdable)",
            ),
            (
                "LISTEN orders",
                "(SELECT count(*) FROM pg_listening_channels())",
            ),
            (
                "SELECT set_config('a.b', 'mine', false)",
                "coalesce(nullif(current_setting('a.b', true), ''), 'none')",
            ),
            (
                "SET ROLE NONE; SET timezone = 'Asia/Tokyo'",
                "current_setting('timezone')",
            ),
            (
                "CREATE TEMP SEQUENCE s",
                "(SELECT count(*) FROM pg_class WHERE oid = to_regclass('pg_temp.s'))",
            ),
        ],
        nonsense: "CREATE TABEL t (id integer)",
        column: 8,
    };

    async fn start() -> Option<Self> {
        let server = greylag_lab::require(greylag_lab::Engine::Postgres).await?;
        let database = server.database("contract").await.unwrap();
        Some(Self { server, database })
    }

    fn target(&self) -> Target {
        target(&self.database.url)
    }

    async fn proxied(&self) -> Option<(Target, Proxy)> {
        let proxy = Proxy::start(self.server.port()).await.unwrap();
        let url = self
            .server
            .url_through(proxy.port(), "greylag", &self.database.name);
        Some((target(&url), proxy))
    }

    async fn value(&self, sql: &str) -> Option<String> {
        self.server.value(&self.database.name, sql).await.unwrap()
    }

    async fn sleeps(&self) -> bool {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        self.value(sql).await.as_deref() != Some("0")
    }

    async fn execute(&self, sql: &str) {
        // As the shard's own account: what it makes must be the account's to change.
        let sql = format!("SET ROLE greylag; {sql}");
        self.server
            .execute(&self.database.name, &sql)
            .await
            .unwrap();
    }
}

fn target(url: &str) -> Target {
    Target {
        engine: Engine::Postgres,
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
