//! Servers that follow another one, and what becomes of them: in cascades, through a bad network, late, promoted.

use std::time::Duration;

use crate::error::{SqlError, StartError};
use crate::options::Options;
use crate::raise::Upstream;
use crate::server::Server;
use crate::{replication, sql};

impl Server {
    /// Starts a replica of this server under a name, with this server's settings and some of its own. It begins where this
    /// server began, as one restored from an old backup does: what it lacks must still be in this server's log.
    pub async fn replica(&self, name: &str, options: Options) -> Result<Server, StartError> {
        self.replica_through(self.port(), name, options).await
    }

    /// … that reaches this server through another port of 127.0.0.1, such as a proxy's.
    pub async fn replica_through(
        &self,
        port: u16,
        name: &str,
        options: Options,
    ) -> Result<Server, StartError> {
        let mut settings = self.node.settings.clone();
        settings.extend(options.settings);
        let options = Options {
            settings,
            installation: Some(self.installation.clone()),
            tls: options.tls,
        };
        let upstream = Upstream {
            node: &self.node,
            port,
            name,
        };
        let replica = Server::start_as(self.engine(), options, Some(upstream)).await?;
        replication::attach(&replica.node, port, replica.recipe).await?;
        Ok(replica)
    }

    /// Makes it reach the server it follows through another port of 127.0.0.1, such as a proxy's, from now on and while it runs. (On
    /// MySQL only with GTIDs: without, it would begin anew.)
    pub async fn follow_through(&self, port: u16, name: &str) -> Result<(), SqlError> {
        for statement in self.recipe.reroute_statements(port, name) {
            sql::rows(&self.node, self.recipe.home(), &statement).await?;
        }
        Ok(())
    }

    /// Stops it, and starts it again on the data that it has as a replica of whatever is reached on a port of 127.0.0.1: an old
    /// primary that is taken back; or one that listens for somebody who isn't there.
    pub async fn rejoin(&self, port: u16, name: &str) -> Result<(), StartError> {
        self.stop_fast().await;
        (self.recipe.prepare_replica(&self.node, port, name))
            .map_err(StartError::machine("cannot prepare a replica"))?;
        self.restart().await?;
        replication::attach(&self.node, port, self.recipe).await?;
        Ok(())
    }

    /// Waits until it streams from the server it follows.
    pub async fn wait_streaming(&self) -> Result<(), StartError> {
        replication::wait_streaming(&self.node, self.recipe).await
    }

    /// Waits until it has applied what `upstream` has written so far.
    pub async fn wait_replayed(&self, upstream: &Server) -> Result<(), StartError> {
        replication::wait_replayed(&self.node, &upstream.node, self.recipe).await
    }

    /// Makes it a primary of its own. Nobody else hears of it.
    pub async fn promote(&self) -> Result<(), StartError> {
        replication::promote(&self.node, self.recipe).await
    }

    /// Holds replay back by so much on purpose; zero takes it away.
    pub async fn delay_replay(&self, by: Duration) -> Result<(), SqlError> {
        for statement in self.recipe.delay_statements(by) {
            sql::rows(&self.node, self.recipe.home(), &statement).await?;
        }
        Ok(())
    }
}
