//! The session's verbs, each carried out on a thread where it may block.

use super::{
    apply, change, diagnose, holders, prepare, question, settle,
    shard::Shard,
    sidecar::{self, Holder, Taken},
    stop::Stop,
    survey,
};
use crate::{
    error::{EngineError, OpenError},
    job::{Attempt, Job, Note, Progress, Settled},
    session::{Cancel, Claim, Diagnosis, HistoryChange, LockAttempt, Position, Session, Whence},
    target::Target,
};
use async_trait::async_trait;
use greylag_core::{
    engine::Engine,
    outcome::{Blocker, Doubt},
    survey::Survey,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::{sync::mpsc, task};

/// Opens the shard's file and sets the working connection up.
pub async fn open(target: &Target) -> Result<Box<dyn Session>, OpenError> {
    let target = target.clone();
    let address = target.address();
    let opened = task::spawn_blocking(move || Shard::open(target)).await;
    let shard = opened.map_err(|panic| OpenError::Unreachable {
        address,
        source: Box::new(panic),
    })??;
    Ok(Box::new(SqliteSession {
        address: shard.address.clone(),
        pid: shard.pid.clone(),
        stop: Arc::clone(&shard.stop),
        shard: Arc::new(Mutex::new(shard)),
    }))
}

struct SqliteSession {
    address: String,
    pid: String,
    stop: Arc<Stop>,
    /// Held by the thread that carries out a verb, even if the future that asked for it is dropped.
    shard: Arc<Mutex<Shard>>,
}

impl Drop for SqliteSession {
    /// A session that is dropped in the middle of a verb takes the verb with it, and the lock once that has been undone.
    fn drop(&mut self) {
        if self.stop.is_awaited() {
            self.stop.now();
        }
    }
}

impl SqliteSession {
    async fn blocking<T: Send + 'static>(
        &self,
        doing: &'static str,
        verb: impl FnOnce(&mut Shard) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let shard = Arc::clone(&self.shard);
        let lost = |source: Box<dyn std::error::Error + Send + Sync>| EngineError::Lost {
            address: self.address.clone(),
            doing,
            source,
        };
        self.stop.await_verb();
        let done = task::spawn_blocking(move || match shard.lock() {
            Ok(mut shard) => {
                let done = verb(&mut shard);
                shard.stop.clear();
                Some(done)
            }
            Err(_) => None,
        });
        match done.await {
            Ok(Some(done)) => done,
            Ok(None) => Err(lost("an earlier verb of this session broke off".into())),
            Err(panic) => Err(lost(Box::new(panic))),
        }
    }
}

#[async_trait]
impl Session for SqliteSession {
    fn engine(&self) -> Engine {
        Engine::Sqlite
    }

    fn pid(&self) -> String {
        self.pid.clone()
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::clone(&self.stop) as Arc<dyn Cancel>
    }

    async fn survey(&mut self) -> Result<Survey, EngineError> {
        self.blocking("surveying", |shard| survey::survey(shard))
            .await
    }

    async fn try_lock(&mut self) -> Result<LockAttempt, EngineError> {
        self.blocking("taking the lock", |shard| {
            if shard.lock.is_some() {
                return Ok(LockAttempt::Held);
            }
            let holder = Holder {
                pid: &shard.pid,
                application: &shard.target.application,
            };
            match sidecar::take(&shard.file, &holder)? {
                Taken::Held(lock) => {
                    shard.create()?;
                    shard.lock = Some(lock);
                    Ok(LockAttempt::Held)
                }
                Taken::Busy(holder) => Ok(LockAttempt::Busy { holder }),
            }
        })
        .await
    }

    async fn whence(&mut self, holder: &Blocker) -> Whence {
        let is_process = holder.pid.parse::<u32>().is_ok();
        Whence {
            host: None,
            ended_by: is_process
                .then(|| format!("kill {} (on the machine where it runs)", holder.pid)),
        }
    }

    async fn end(&mut self, _: &Blocker) -> Result<(), EngineError> {
        Err(EngineError::Unable {
            engine: Engine::Sqlite.title(),
            what: "end another process: stop the one that holds the shard's lock yourself, and the lock is free at once",
        })
    }

    async fn unlock(&mut self) -> Result<(), EngineError> {
        self.blocking("unlocking", |shard| {
            shard.lock = None;
            Ok(())
        })
        .await
    }

    async fn prepare(&mut self, claim: &Claim) -> Result<(), EngineError> {
        let claim = claim.clone();
        self.blocking("preparing", move |shard| prepare::prepare(shard, &claim))
            .await
    }

    async fn apply(&mut self, jobs: &[Job], progress: Progress<'_>) -> Attempt {
        let work = jobs.to_vec();
        let (sender, mut notes) = mpsc::unbounded_channel::<Note>();
        let verb = self.blocking("applying", move |shard| {
            // A receiver that is gone belongs to a caller that no longer listens.
            let attempt = apply::apply(shard, &work, &|note| drop(sender.send(note)));
            Ok(attempt)
        });
        tokio::pin!(verb);
        let ended = loop {
            tokio::select! {
                // Notes first, so that none comes after the answer.
                biased;
                Some(note) = notes.recv() => progress(note),
                ended = &mut verb => break ended,
            }
        };
        while let Ok(note) = notes.try_recv() {
            progress(note);
        }
        ended.unwrap_or_else(|error| {
            Attempt::Unknown(Doubt {
                migration: jobs.first().map(|job| job.migration.clone()),
                place: None,
                why: error.to_string(),
                needs_person: false,
            })
        })
    }

    async fn settle(&mut self, job: &Job) -> Result<Settled, EngineError> {
        let job = job.clone();
        self.blocking("settling", move |shard| settle::settle(shard, &job))
            .await
    }

    async fn change_history(&mut self, changes: &[HistoryChange]) -> Result<(), EngineError> {
        let changes = changes.to_vec();
        self.blocking("changing the history", move |shard| {
            change::change(shard, &changes)
        })
        .await
    }

    async fn ask(&mut self, sql: &str) -> Result<Option<String>, EngineError> {
        let sql = sql.to_owned();
        self.blocking("asking", move |shard| question::ask(shard, &sql))
            .await
    }

    async fn rows(
        &mut self,
        sql: &str,
    ) -> Result<Vec<BTreeMap<String, Option<String>>>, EngineError> {
        let sql = sql.to_owned();
        self.blocking("asking", move |shard| question::rows(shard, &sql))
            .await
    }

    async fn blockers(&mut self, pid: &str) -> Result<Vec<Blocker>, EngineError> {
        let pid = pid.to_owned();
        self.blocking("looking for blockers", move |shard| {
            let mut found = holders::holders(&shard.file.path);
            if shard.lock.is_none() {
                // Whoever waits while it has the shard's lock waits for somebody else.
                found.extend(sidecar::holder(&shard.file)?.filter(|holder| holder.pid != pid));
            }
            Ok(found)
        })
        .await
    }

    async fn position(&mut self) -> Result<Option<Position>, EngineError> {
        Ok(None)
    }

    async fn diagnose(&mut self) -> Result<Vec<Diagnosis>, EngineError> {
        self.blocking("diagnosing", |shard| diagnose::diagnose(shard))
            .await
    }

    async fn close(self: Box<Self>) {
        // Closing may checkpoint a write-ahead log, which takes a while.
        let shard = Arc::clone(&self.shard);
        drop(self);
        let _ = task::spawn_blocking(move || drop(shard)).await;
    }
}
