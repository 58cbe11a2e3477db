//! A primary with replicas that stream from it, and ways to make them lag.

use crate::database::TestDatabase;
use crate::engine::Engine;
use crate::error::{SqlError, StartError};
use crate::launch::patience;
use crate::options::Options;
use crate::proxy::Proxy;
use crate::replication;
use crate::server::Server;
use std::time::{Duration, Instant};

/// A primary and its replicas. PostgreSQL streams physically, MySQL and MariaDB by GTID.
#[derive(Debug)]
pub struct Cluster {
    // Replicas first: dropped first, they don't complain about a lost primary.
    replicas: Vec<Server>,
    primary: Server,
}

impl Cluster {
    /// Starts a primary with `replicas` replicas and waits until all stream.
    pub async fn start(engine: Engine, replicas: usize) -> Result<Cluster, StartError> {
        Cluster::start_with(engine, replicas, Options::default()).await
    }

    /// … with settings, on a chosen installation.
    pub async fn start_with(
        engine: Engine,
        replicas: usize,
        options: Options,
    ) -> Result<Cluster, StartError> {
        let tls = options.tls;
        let primary = Server::start(engine, options).await?;
        let mut cluster = Cluster {
            replicas: Vec::with_capacity(replicas),
            primary,
        };
        for number in 1..=replicas {
            let name = format!("replica{number}");
            let options = Options {
                tls,
                ..Options::default()
            };
            let replica = cluster.primary.replica(&name, options).await?;
            cluster.replicas.push(replica);
        }
        for replica in &cluster.replicas {
            cluster.wait_streaming(replica).await?;
        }
        Ok(cluster)
    }

    /// The primary.
    #[must_use]
    pub fn primary(&self) -> &Server {
        &self.primary
    }

    /// A replica, counted from 0.
    ///
    /// # Panics
    /// When there is no such replica.
    #[must_use]
    pub fn replica(&self, index: usize) -> &Server {
        &self.replicas[index]
    }

    /// All replicas.
    #[must_use]
    pub fn replicas(&self) -> &[Server] {
        &self.replicas
    }

    /// Adds a replica that follows a replica (counted from 0), as cascades do; the last one of all replicas from now on.
    pub async fn cascade(&mut self, from: usize) -> Result<&Server, StartError> {
        let name = format!("replica{}", self.replicas.len() + 1);
        let replica = self
            .replica(from)
            .replica(&name, Options::default())
            .await?;
        self.wait_streaming(&replica).await?;
        self.replicas.push(replica);
        Ok(&self.replicas[self.replicas.len() - 1])
    }

    /// A fresh database, there on all replicas too when this returns.
    pub async fn database(&self, prefix: &str) -> Result<TestDatabase, StartError> {
        let database = self.primary.database(prefix).await?;
        self.wait_replayed().await?;
        Ok(database)
    }

    /// Waits until every replica has applied what the primary has written so far.
    pub async fn wait_replayed(&self) -> Result<(), StartError> {
        for replica in &self.replicas {
            replication::wait_replayed(&replica.node, &self.primary.node, replica.recipe).await?;
        }
        Ok(())
    }

    /// Stops applying on a replica; it still receives. What it lacks from then on is what somebody wrote: the primary is stilled
    /// ([`Cluster::still`]).
    pub async fn pause_replay(&self, index: usize) -> Result<(), StartError> {
        self.still(index).await?;
        let replica = self.replica(index);
        Ok(replica.recipe.pause_replay(&replica.node).await?)
    }

    /// Lets a paused replica apply again.
    pub async fn resume_replay(&self, index: usize) -> Result<(), SqlError> {
        let replica = self.replica(index);
        replica.recipe.resume_replay(&replica.node).await
    }

    /// Lets the primary write nothing any more but what somebody asks it to, and waits until a replica has what it wrote before: one
    /// that is behind for no reason holds a rollout. PostgreSQL's background writer is frozen for it, until the server is thawed or ends;
    /// DROP DATABASE would wait for it.
    pub async fn still(&self, index: usize) -> Result<(), StartError> {
        let replica = self.replica(index);
        replication::still(&self.primary, &replica.node, replica.recipe).await
    }

    /// Stops receiving on a replica, which has applied what was written so far, and keeps it. The primary is stilled.
    pub async fn cut_off(&self, index: usize) -> Result<(), StartError> {
        let replica = self.replica(index);
        replication::cut_off(&replica.node, &self.primary, replica.recipe).await
    }

    /// Holds a replica's replay back by so much on purpose, and waits until it receives again where that had to stop for it; zero
    /// takes the delay away.
    pub async fn delay_replay(&self, index: usize, by: Duration) -> Result<(), StartError> {
        let replica = self.replica(index);
        replica.delay_replay(by).await?;
        self.wait_streaming(replica).await
    }

    /// Puts a proxy between the primary and a replica, which streams through it when this returns.
    pub async fn put_between(&self, index: usize) -> Result<Proxy, StartError> {
        let proxy = Proxy::start(self.primary.port())
            .await
            .map_err(StartError::machine("cannot start a proxy"))?;
        let replica = self.replica(index);
        replica
            .follow_through(proxy.port(), &format!("replica{}", index + 1))
            .await?;
        // It still streams as before until it has heard.
        let deadline = Instant::now() + patience();
        while proxy.open_connections() == 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.wait_streaming(replica).await?;
        Ok(proxy)
    }

    /// Waits until a replica streams (again), for instance after a restart.
    pub async fn wait_streaming(&self, replica: &Server) -> Result<(), StartError> {
        replication::wait_streaming(&replica.node, replica.recipe).await
    }
}
