//! A connection to a node, given back once its look is over.

use super::{Pool, put};
use async_trait::async_trait;
use greylag_core::{
    history::HistoryRow,
    node::{Carried, NodeSighting, Published, Qualified, Taken},
    outcome::Blocker,
};
use greylag_engines::{EngineError, Observer};
use std::time::Duration;

pub(super) struct KeptObserver {
    pub inner: Box<dyn Observer>,
    pub pool: Pool<dyn Observer>,
    pub key: String,
    /// Nothing has failed on it: it may serve again.
    pub sound: bool,
}

impl KeptObserver {
    fn note<T>(&mut self, said: Result<T, EngineError>) -> Result<T, EngineError> {
        self.sound &= said.is_ok();
        said
    }
}

#[async_trait]
impl Observer for KeptObserver {
    async fn observe(&mut self) -> Result<NodeSighting, EngineError> {
        let said = self.inner.observe().await;
        self.note(said)
    }

    async fn history(&mut self) -> Result<Vec<HistoryRow>, EngineError> {
        let said = self.inner.history().await;
        self.note(said)
    }

    async fn in_the_way(
        &mut self,
        tables: &[String],
        older_than: Duration,
    ) -> Result<Vec<Blocker>, EngineError> {
        let said = self.inner.in_the_way(tables, older_than).await;
        self.note(said)
    }

    async fn published(&mut self) -> Result<Option<Vec<String>>, EngineError> {
        let said = self.inner.published().await;
        self.note(said)
    }

    async fn publishes(
        &mut self,
        publications: &[String],
    ) -> Result<Option<Published>, EngineError> {
        let said = self.inner.publishes(publications).await;
        self.note(said)
    }

    async fn carried(&mut self, publications: &[String]) -> Result<Vec<Carried>, EngineError> {
        let said = self.inner.carried(publications).await;
        self.note(said)
    }

    async fn taken(&mut self, asked: &[Qualified]) -> Result<Taken, EngineError> {
        let said = self.inner.taken(asked).await;
        self.note(said)
    }

    async fn partners(&mut self, tables: &[String]) -> Result<Vec<String>, EngineError> {
        let said = self.inner.partners(tables).await;
        self.note(said)
    }

    async fn close(self: Box<Self>) {
        if !self.sound {
            return self.inner.close().await;
        }
        put(&self.pool, self.key, self.inner);
    }
}
