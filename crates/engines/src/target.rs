//! Where a shard's node is and how a working connection to it is set up.

use crate::{hosts, secret::PasswordSource};
use greylag_core::{engine::Engine, fleet::ShardName};
use std::{fmt, sync::Arc, time::Duration};
use url::Url;

/// How to reach one node of a shard.
#[derive(Clone)]
pub struct Target {
    pub engine: Engine,
    pub shard: ShardName,
    /// As drivers know it: `postgres://`, `mysql://`, `mariadb://`, `sqlite:`. TLS options (`sslmode`, `sslrootcert`, …),
    /// several hosts and unix sockets are understood as each engine's own clients do.
    pub url: Url,
    /// Resolved at each connection; takes precedence over a password in the URL.
    pub password: Option<Arc<dyn PasswordSource>>,
    /// This shard is one schema of the database.
    pub schema: Option<String>,
    /// SQL to run on each working connection, in order (`[session]` of the project, then the shard's own).
    pub session_sql: Arc<[String]>,
    /// The project, part of every key in `greylag_*` tables.
    pub project: Arc<str>,
    /// The history table's name without schema: `greylag_schema_history`, or `flyway_schema_history`.
    pub history_table: Arc<str>,
    pub connect_timeout: Duration,
    /// `greylag/<rollout>/<shard>`, or `greylag/<verb>` where there is no rollout.
    pub application: Arc<str>,
}

impl Target {
    /// Host, port and database without user or password, for messages.
    pub fn address(&self) -> String {
        hosts::shown(&self.url)
    }

    /// One target for each host, where the URL names several.
    pub fn each_host(&self) -> Vec<Target> {
        let urls = hosts::split(&self.url).into_iter();
        let at = |url| Target {
            url,
            ..self.clone()
        };
        urls.map(at).collect()
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("shard", &self.shard)
            .field("address", &self.address())
            .field("schema", &self.schema)
            .finish_non_exhaustive()
    }
}
