//! The same measuring as `greylag lint --trace`, on a server of the tests.

use greylag_core::engine::Engine;
use greylag_engines::{Target, Tracer};
use greylag_lab::Server;
use std::{sync::Arc, time::Duration};

pub async fn tracer(engine: Engine, server: &Server, database: &str) -> Box<dyn Tracer> {
    let target = Target {
        engine,
        shard: "effects".parse().unwrap(),
        url: server.superuser_url(database).parse().unwrap(),
        password: None,
        schema: None,
        session_sql: Arc::new([]),
        project: "greylag".into(),
        history_table: "greylag_schema_history".into(),
        connect_timeout: Duration::from_secs(20),
        application: "greylag/effects".into(),
    };
    let tracer = greylag_engines::trace(&target, None).await.unwrap();
    tracer.unwrap_or_else(|| panic!("{engine} can be traced"))
}
