//! A primary with standbys, and looks at them.

use crate::bench::target;
use greylag_core::{
    node::{Case, Child, NodeRole, NodeSighting, Standing, Trail, judge},
    position::Position,
};
use greylag_engines::{Observer, observe};
use greylag_lab::{Cluster, Engine, Options, Server, TestDatabase};
use std::time::Duration;

pub struct Nodes {
    pub cluster: Cluster,
    pub database: TestDatabase,
}

impl Nodes {
    /// A primary with so many standbys; none where this machine has no server.
    pub async fn start(standbys: usize, options: Options) -> Option<Self> {
        if !greylag_lab::available(Engine::Postgres) {
            return None;
        }
        let cluster = Cluster::start_with(Engine::Postgres, standbys, options)
            .await
            .unwrap();
        let database = cluster.database("n").await.unwrap();
        Some(Self { cluster, database })
    }

    pub fn primary(&self) -> &Server {
        self.cluster.primary()
    }

    pub async fn watch_primary(&self) -> Watch {
        self.watch(self.primary()).await
    }

    pub async fn watch_standby(&self, index: usize) -> Watch {
        self.watch(self.cluster.replica(index)).await
    }

    pub async fn watch(&self, server: &Server) -> Watch {
        Watch::on(&server.url(&self.database.name)).await
    }

    /// SQL as the superuser on the primary.
    pub async fn write(&self, sql: &str) {
        let primary = self.primary();
        primary.execute(&self.database.name, sql).await.unwrap();
    }

    /// A connection that is not Greylag's, for holding things; with its pid.
    pub async fn reader(&self, server: &Server) -> (tokio_postgres::Client, String) {
        let url = server.url(&self.database.name);
        let connecting = tokio_postgres::connect(&url, tokio_postgres::NoTls);
        let (client, connection) = connecting.await.unwrap();
        tokio::spawn(connection);
        let rows = client.simple_query("SELECT pg_backend_pid()").await;
        let pid = rows
            .unwrap()
            .iter()
            .find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
                _ => None,
            })
            .unwrap();
        (client, pid)
    }
}

/// A connection that only looks.
pub struct Watch(pub Box<dyn Observer>);

impl Watch {
    pub async fn on(url: &str) -> Self {
        Self(observe(&target(url)).await.unwrap().unwrap())
    }

    pub async fn see(&mut self) -> NodeSighting {
        self.0.observe().await.unwrap()
    }

    /// Looks until it is so.
    pub async fn until(&mut self, what: &str, so: impl Fn(&NodeSighting) -> bool) -> NodeSighting {
        let deadline = tokio::time::Instant::now() + greylag_lab::patience();
        loop {
            let seen = self.see().await;
            if so(&seen) {
                return seen;
            }
            let late = tokio::time::Instant::now() > deadline;
            assert!(!late, "never: {what}; last seen {seen:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub fn wal(position: &Option<Position>) -> (u32, u64) {
    match position {
        Some(Position::Wal { timeline, lsn, .. }) => (*timeline, *lsn),
        other => panic!("no place in the log: {other:?}"),
    }
}

/// What the looks say of a replica, with what is known of where its primary was.
pub fn judged(primary: &NodeSighting, node: &NodeSighting, trail: &Trail) -> Standing {
    judge(&Case {
        role: NodeRole::Replica,
        node,
        primary: Some(primary),
        trail,
        before: None,
        peers: &[],
        max_lag: Duration::from_secs(3600),
    })
}

pub fn child<'a>(seen: &'a NodeSighting, name: &str) -> &'a Child {
    let found = seen.children.iter().find(|child| child.name == name);
    found.unwrap_or_else(|| panic!("no child {name}: {:#?}", seen.children))
}
