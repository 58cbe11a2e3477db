//! A shard whose primary publishes, and a server that subscribes to it.

use crate::fleet::Replicated;
use greylag_lab::{Engine, Options as Installed, Server};
use std::time::{Duration, Instant};

/// What is there on both before: one table.
pub const ONE: &str = "CREATE TABLE one (id int PRIMARY KEY); ALTER TABLE one OWNER TO greylag;";

pub struct Pair {
    pub fleet: Replicated,
    /// The shard that publishes.
    at: usize,
    there: String,
    here: String,
}

impl Pair {
    /// `publication` is what stands behind FOR; `make` is run on both before.
    pub async fn start(publication: &str, make: &str) -> Option<Self> {
        Self::start_last_of(1, publication, make).await
    }

    /// The last of so many shards publishes; the others have nobody.
    pub async fn start_last_of(shards: usize, publication: &str, make: &str) -> Option<Self> {
        let mut fleet = Replicated::start(Engine::Postgres, shards, 0).await?;
        for (cluster, database) in fleet.clusters.iter().zip(&fleet.databases) {
            let primary = cluster.primary();
            primary.execute(&database.name, make).await.unwrap();
        }
        let at = shards - 1;
        let publisher = fleet.clusters[at].primary();
        let there = fleet.databases[at].name.clone();
        let publish = format!("CREATE PUBLICATION everything FOR {publication}");
        publisher.execute(&there, &publish).await.unwrap();
        let port = publisher.port();
        let options = Installed::default().on(publisher.installation().clone());
        let subscriber = Server::start(Engine::Postgres, options).await.unwrap();
        let here = subscriber.database("sub").await.unwrap();
        subscriber.execute(&here.name, make).await.unwrap();
        let from =
            format!("host=127.0.0.1 port={port} user=postgres password=greylag dbname={there}");
        let subscribe =
            format!("CREATE SUBSCRIPTION mirror CONNECTION '{from}' PUBLICATION everything");
        subscriber.execute(&here.name, &subscribe).await.unwrap();
        let name = here.name.clone();
        fleet.subscribers.push((at, subscriber, here));
        // Its tables are there already.
        fleet.claim = u32::try_from(shards).ok();
        let pair = Self {
            fleet,
            at,
            there,
            here: name,
        };
        let syncing = "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'";
        pair.until(syncing, "0").await;
        Some(pair)
    }

    pub async fn publish(&self, sql: &str) {
        let publisher = self.fleet.clusters[self.at].primary();
        publisher.execute(&self.there, sql).await.unwrap();
    }

    pub async fn subscribe(&self, sql: &str) {
        self.fleet.subscribers[0]
            .1
            .execute(&self.here, sql)
            .await
            .unwrap();
    }

    /// For a session of a test's own on the subscriber.
    pub fn subscriber_url(&self) -> String {
        self.fleet.subscribers[0].1.superuser_url(&self.here)
    }

    /// What the publisher says.
    pub async fn there(&self, sql: &str) -> Option<String> {
        let publisher = self.fleet.clusters[self.at].primary();
        publisher.value(&self.there, sql).await.unwrap()
    }

    /// What the subscriber says.
    pub async fn here(&self, sql: &str) -> Option<String> {
        let subscriber = &self.fleet.subscribers[0].1;
        subscriber.value(&self.here, sql).await.unwrap()
    }

    /// Waits until the subscriber says so.
    pub async fn until(&self, sql: &str, wanted: &str) {
        let deadline = Instant::now() + greylag_lab::patience();
        loop {
            let found = self.here(sql).await;
            if found.as_deref() == Some(wanted) {
                return;
            }
            assert!(Instant::now() < deadline, "{sql}: {found:?}, not {wanted}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The versions in the subscriber's own history.
    pub async fn versions(&self) -> String {
        let sql = "SELECT coalesce(string_agg(version, ' ' ORDER BY installed_rank), '') FROM greylag_schema_history";
        self.here(sql).await.unwrap_or_default()
    }

    pub async fn has(&self, column: &str) -> bool {
        let sql = format!(
            "SELECT count(*) FROM information_schema.columns WHERE table_name = 'one' AND column_name = '{column}'"
        );
        self.here(&sql).await.as_deref() == Some("1")
    }

    pub fn warned(&self, of: &str) -> bool {
        let warnings = self.fleet.warnings.lock().unwrap();
        warnings.iter().any(|text| text.contains(of))
    }
}
