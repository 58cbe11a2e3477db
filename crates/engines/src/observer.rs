//! Looking at a node without touching it: where it stands in replication, what holds it up, what is wrong with it.
//!
//! An ability beside `Session`, for primaries and replicas alike: one connection per node, one query per look. An observer
//! takes no lock, writes nothing and leaves nothing behind.

use crate::error::EngineError;
use async_trait::async_trait;
use greylag_core::{
    history::HistoryRow,
    node::{Carried, NodeSighting, Published, Qualified, Taken},
    outcome::Blocker,
};
use std::time::Duration;

/// A connection that only looks.
#[async_trait]
pub trait Observer: Send {
    /// One look, in one round trip.
    async fn observe(&mut self) -> Result<NodeSighting, EngineError>;

    /// The history as this node shows it: a migration is replayed once its row can be read here.
    async fn history(&mut self) -> Result<Vec<HistoryRow>, EngineError>;

    /// Those on this node whose queries or transactions a replayed exclusive lock on any of these tables would hit (or wait for):
    /// all of the database where `tables` is empty. The oldest first, and only what is older than `older_than`.
    async fn in_the_way(
        &mut self,
        tables: &[String],
        older_than: Duration,
    ) -> Result<Vec<Blocker>, EngineError>;

    /// Of a logical publication: the tables that subscribers of this database get, as `schema.table`. None: the engine has none.
    async fn published(&mut self) -> Result<Option<Vec<String>>, EngineError> {
        Ok(None)
    }

    /// Of a publisher: what these publications carry, and how names are found in its database. None: the engine has none.
    async fn publishes(
        &mut self,
        publications: &[String],
    ) -> Result<Option<Published>, EngineError> {
        let _ = publications;
        Ok(None)
    }

    /// Of a publisher: each table that subscribers of these publications get, under its publication.
    async fn carried(&mut self, publications: &[String]) -> Result<Vec<Carried>, EngineError> {
        let _ = publications;
        Ok(Vec::new())
    }

    /// Of a subscriber: the tables that its subscriptions know, and which of `asked` are not there.
    async fn taken(&mut self, asked: &[Qualified]) -> Result<Taken, EngineError> {
        let _ = asked;
        Ok(Taken::default())
    }

    /// The tables that these have foreign keys to: dropping such a table, or its keys, locks those just as well.
    async fn partners(&mut self, tables: &[String]) -> Result<Vec<String>, EngineError> {
        let _ = tables;
        Ok(Vec::new())
    }

    async fn close(self: Box<Self>);
}
