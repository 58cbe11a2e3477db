//! Connections that are kept between one look and the next, for those who look again and again: those to nodes, and those that look
//! at what shards have.

mod observer;
mod session;

use crate::setup::Open;
use async_trait::async_trait;
use greylag_engines::{Observer, OpenError, Session, Target};
use observer::KeptObserver;
use session::KeptSession;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

/// Connections that nobody uses now, by where they lead.
type Pool<T> = Arc<Mutex<HashMap<String, Vec<Box<T>>>>>;

/// Opens as another does, and keeps what has looked without a fault for the next look.
pub struct Keeping {
    open: Arc<dyn Open>,
    observers: Pool<dyn Observer>,
    sessions: Pool<dyn Session>,
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
            observers: Pool::default(),
            sessions: Pool::default(),
        }
    }
}

#[async_trait]
impl Open for Keeping {
    /// What is opened here only surveys. A database without a host is a file, or as near: opening it costs nothing.
    async fn open(&self, target: &Target) -> Result<Box<dyn Session>, OpenError> {
        if target.url.host_str().is_none_or(str::is_empty) {
            return self.open.open(target).await;
        }
        let kept = take(&self.sessions, target);
        let is_kept = kept.is_some();
        let inner = match kept {
            Some(inner) => inner,
            None => self.open.open(target).await?,
        };
        Ok(Box::new(KeptSession {
            inner,
            open: self.open.clone(),
            pool: self.sessions.clone(),
            target: target.clone(),
            is_kept,
            sound: true,
        }))
    }

    async fn observe(&self, target: &Target) -> Result<Option<Box<dyn Observer>>, OpenError> {
        let inner = match take(&self.observers, target) {
            Some(inner) => inner,
            None => match self.open.observe(target).await? {
                Some(inner) => inner,
                None => return Ok(None),
            },
        };
        Ok(Some(Box::new(KeptObserver {
            inner,
            pool: self.observers.clone(),
            key: key(target),
            sound: true,
        })))
    }
}

fn key(target: &Target) -> String {
    format!(
        "{} {} {}",
        target.url,
        target.schema.as_deref().unwrap_or_default(),
        target.application
    )
}

fn take<T: ?Sized>(pool: &Pool<T>, target: &Target) -> Option<Box<T>> {
    let mut pool = pool.lock().expect("no panics inside");
    pool.get_mut(&key(target)).and_then(Vec::pop)
}

fn put<T: ?Sized>(pool: &Pool<T>, key: String, kept: Box<T>) {
    let mut pool = pool.lock().expect("no panics inside");
    pool.entry(key).or_default().push(kept);
}
