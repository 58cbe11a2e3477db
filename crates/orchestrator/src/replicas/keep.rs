//! Connections to nodes that are kept between one look and the next, for those who look again and again.

use crate::setup::Open;
use async_trait::async_trait;
use greylag_core::{
    history::HistoryRow,
    node::{NodeSighting, Published},
    outcome::Blocker,
};
use greylag_engines::{EngineError, Observer, OpenError, Session, Target};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

type Pool = Arc<Mutex<HashMap<String, Vec<Box<dyn Observer>>>>>;

/// Opens as another does, and keeps what has looked without a fault for the next look.
pub struct Keeping {
    open: Arc<dyn Open>,
    pool: Pool,
}

impl std::fmt::Debug for Keeping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeping").finish_non_exhaustive()
    }
}

impl Keeping {
    pub fn over(open: Arc<dyn Open>) -> Self {
        Self {
            open,
            pool: Pool::default(),
        }
    }
}

#[async_trait]
impl Open for Keeping {
    async fn open(&self, target: &Target) -> Result<Box<dyn Session>, OpenError> {
        self.open.open(target).await
    }

    async fn observe(&self, target: &Target) -> Result<Option<Box<dyn Observer>>, OpenError> {
        let key = format!(
            "{} {} {}",
            target.url,
            target.schema.as_deref().unwrap_or_default(),
            target.application
        );
        let kept = {
            let mut pool = self.pool.lock().expect("no panics inside");
            pool.get_mut(&key).and_then(Vec::pop)
        };
        let inner = match kept {
            Some(inner) => inner,
            None => match self.open.observe(target).await? {
                Some(inner) => inner,
                None => return Ok(None),
            },
        };
        Ok(Some(Box::new(Kept {
            inner,
            pool: self.pool.clone(),
            key,
            sound: true,
        })))
    }
}

struct Kept {
    inner: Box<dyn Observer>,
    pool: Pool,
    key: String,
    /// Nothing has failed on it: it may serve again.
    sound: bool,
}

impl Kept {
    fn note<T>(&mut self, said: Result<T, EngineError>) -> Result<T, EngineError> {
        self.sound &= said.is_ok();
        said
    }
}

#[async_trait]
impl Observer for Kept {
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

    async fn partners(&mut self, tables: &[String]) -> Result<Vec<String>, EngineError> {
        let said = self.inner.partners(tables).await;
        self.note(said)
    }

    async fn close(self: Box<Self>) {
        if !self.sound {
            return self.inner.close().await;
        }
        let mut pool = self.pool.lock().expect("no panics inside");
        pool.entry(self.key).or_default().push(self.inner);
    }
}
