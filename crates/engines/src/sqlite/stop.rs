//! Stopping what a session runs: a person's cancel and a statement's time limit.
//!
//! `sqlite3_interrupt` reaches only a statement that runs at that moment, so a flag stands beside it that statements look at
//! as they go; a cancel that falls between two statements is not lost.

use crate::{error::EngineError, session::Cancel};
use async_trait::async_trait;
use rusqlite::InterruptHandle;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub(super) struct Stop {
    asked: AtomicBool,
    /// A verb was handed to its thread and has not ended.
    awaited: AtomicBool,
    /// Milliseconds after `started` at which the running statement's time is up; 0 is never.
    deadline: AtomicU64,
    started: Instant,
    /// Of the connection in use; replaced when it is opened anew.
    handle: Mutex<Option<InterruptHandle>>,
}

impl Stop {
    pub fn new() -> Self {
        Self {
            asked: AtomicBool::new(false),
            awaited: AtomicBool::new(false),
            deadline: AtomicU64::new(0),
            started: Instant::now(),
            handle: Mutex::new(None),
        }
    }

    pub fn attach(&self, handle: InterruptHandle) {
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
    }

    /// A person asked for a stop.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// The running statement must end: by a person's word or for its time is up.
    pub fn due(&self) -> bool {
        let deadline = self.deadline.load(Ordering::Relaxed);
        self.asked() || deadline != 0 && self.elapsed() >= deadline
    }

    /// Gives the next statement so long.
    pub fn limit(&self, timeout: Option<Duration>) {
        let deadline = timeout.map_or(0, |timeout| {
            let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            self.elapsed().saturating_add(millis.max(1))
        });
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    /// Stops what runs, or what runs next.
    pub fn now(&self) {
        self.asked.store(true, Ordering::SeqCst);
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = handle.as_ref() {
            handle.interrupt();
        }
    }

    /// A verb is about to run.
    pub fn await_verb(&self) {
        self.awaited.store(true, Ordering::SeqCst);
    }

    pub fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::SeqCst)
    }

    /// The verb has ended: forgets a cancel that has done its work.
    pub fn clear(&self) {
        self.awaited.store(false, Ordering::SeqCst);
        self.asked.store(false, Ordering::SeqCst);
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[async_trait]
impl Cancel for Stop {
    async fn cancel(&self) -> Result<(), EngineError> {
        self.now();
        Ok(())
    }
}
