//! The journal in one SQLite file: the default, for one machine.
//!
//! One thread owns the connection; callers hand it work and wait. Several processes may have the file open.

mod acts;
mod schema;
mod shards;
mod work;

use super::{
    Act, Amendment, Holder, InboxItem, JournalError, KnownShard, Lease, LeaseRow, LeaseTry,
    NewRollout, PlannedRow, RolloutRow, Scope, StoredRollout, Taken, store::Journal,
};
use async_trait::async_trait;
use greylag_core::{event::Stamped, fleet::ShardName};
use rusqlite::Connection;
use serde_json::Value;
use std::{path::Path, thread};
use tokio::sync::{mpsc, oneshot};

type Work = Box<dyn FnOnce(&mut Connection) + Send>;

/// A journal in a file.
#[derive(Debug)]
pub struct Sqlite {
    at: String,
    work: mpsc::UnboundedSender<Work>,
}

impl Sqlite {
    /// Opens the file, and makes it and its folder where there is none.
    pub async fn open(path: &Path) -> Result<Self, JournalError> {
        let path = path.to_owned();
        Self::start(path.display().to_string(), move || schema::open(&path)).await
    }

    /// Opens a file that is there, to read.
    pub async fn look(path: &Path) -> Result<Self, JournalError> {
        let path = path.to_owned();
        Self::start(path.display().to_string(), move || schema::look(&path)).await
    }

    /// An empty journal in memory, that forgets.
    pub async fn memory() -> Result<Self, JournalError> {
        Self::start("memory".into(), schema::memory).await
    }

    async fn start(
        at: String,
        open: impl FnOnce() -> Result<Connection, JournalError> + Send + 'static,
    ) -> Result<Self, JournalError> {
        let (work, mut queue) = mpsc::unbounded_channel::<Work>();
        let (opened, answer) = oneshot::channel();
        thread::Builder::new()
            .name("greylag-journal".into())
            .spawn(move || {
                let mut connection = match open() {
                    Ok(connection) => connection,
                    Err(why) => return drop(opened.send(Err(why))),
                };
                if opened.send(Ok(())).is_err() {
                    return;
                }
                while let Some(work) = queue.blocking_recv() {
                    work(&mut connection);
                }
            })
            .map_err(|source| JournalError::Store {
                at: at.clone(),
                doing: "starting its thread",
                source: source.into(),
            })?;
        match answer.await {
            Ok(Ok(())) => Ok(Self { at, work }),
            Ok(Err(why)) => Err(why),
            Err(gone) => Err(JournalError::Store {
                at,
                doing: "opening it",
                source: gone.into(),
            }),
        }
    }

    /// Runs on the journal's thread, in a transaction that writes from the start; rolled back on an error.
    async fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let at = self.at.clone();
        self.run(doing, move |connection| {
            let failed = |source| work::explain(&at, doing, source);
            let transaction = connection
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
                .map_err(failed)?;
            let done = work(&transaction)?;
            transaction.commit().map_err(failed)?;
            Ok(done)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (send, answer) = oneshot::channel();
        let gone = |why: &str| JournalError::Store {
            at: self.at.clone(),
            doing,
            source: why.into(),
        };
        self.work
            .send(Box::new(move |connection| {
                // Nobody waits any more: what was done is done all the same.
                let _ = send.send(work(connection));
            }))
            .map_err(|_| gone("its thread has ended"))?;
        answer.await.map_err(|_| gone("its thread has panicked"))?
    }
}

#[async_trait]
impl Journal for Sqlite {
    fn at(&self) -> String {
        self.at.clone()
    }

    async fn take_lease(&self, scope: &Scope, holder: &Holder) -> Result<LeaseTry, JournalError> {
        let (at, scope, holder) = (self.at.clone(), scope.clone(), holder.clone());
        self.write("taking the lease", move |t| {
            work::take_lease(t, &at, scope, holder)
        })
        .await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), JournalError> {
        let (at, lease) = (self.at.clone(), lease.clone());
        self.write("renewing the lease", move |t| work::renew(t, &at, &lease))
            .await
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        let (at, lease) = (self.at.clone(), lease.clone());
        self.write("releasing the lease", move |t| {
            work::release(t, &at, &lease)
        })
        .await
    }

    async fn holder(&self, scope: &Scope) -> Result<Option<LeaseRow>, JournalError> {
        let (at, scope) = (self.at.clone(), scope.clone());
        self.run("reading the lease", move |c| work::holder(c, &at, &scope))
            .await
    }

    async fn begin(&self, lease: &Lease, rollout: &NewRollout) -> Result<(), JournalError> {
        let (at, lease, rollout) = (self.at.clone(), lease.clone(), rollout.clone());
        self.write("storing the plan", move |t| {
            work::begin(t, &at, &lease, &rollout)
        })
        .await
    }

    async fn append(
        &self,
        lease: &Lease,
        rollout: &str,
        events: &[Stamped],
        taken: &[Taken],
    ) -> Result<(), JournalError> {
        let (at, lease, rollout) = (self.at.clone(), lease.clone(), rollout.to_owned());
        let (events, taken) = (events.to_vec(), taken.to_vec());
        self.write("appending events", move |t| {
            work::append(t, &at, &lease, &rollout, &events, &taken)
        })
        .await
    }

    async fn append_and_remember(
        &self,
        lease: &Lease,
        rollout: &str,
        events: &[Stamped],
        taken: &[Taken],
        proven: &[KnownShard],
    ) -> Result<(), JournalError> {
        let (at, lease, rollout) = (self.at.clone(), lease.clone(), rollout.to_owned());
        let (events, taken) = (events.to_vec(), taken.to_vec());
        let proven = proven.to_vec();
        self.write("appending events", move |t| {
            work::append(t, &at, &lease, &rollout, &events, &taken)?;
            match proven.is_empty() {
                true => Ok(()),
                false => shards::remember(t, &at, &lease, &proven),
            }
        })
        .await
    }

    async fn rollouts(&self, scope: &Scope) -> Result<Vec<RolloutRow>, JournalError> {
        let (at, scope) = (self.at.clone(), scope.clone());
        self.run("listing rollouts", move |c| work::rollouts(c, &at, &scope))
            .await
    }

    async fn planned(&self, scope: &Scope, newest: u32) -> Result<Vec<PlannedRow>, JournalError> {
        let (at, scope) = (self.at.clone(), scope.clone());
        self.run("reading what was planned", move |c| {
            work::planned(c, &at, &scope, newest)
        })
        .await
    }

    async fn rollout(&self, id: &str) -> Result<Option<StoredRollout>, JournalError> {
        let (at, id) = (self.at.clone(), id.to_owned());
        self.run("reading a rollout", move |c| work::rollout(c, &at, &id))
            .await
    }

    async fn events(&self, rollout: &str, after: u64) -> Result<Vec<Stamped>, JournalError> {
        let (at, rollout) = (self.at.clone(), rollout.to_owned());
        self.run("reading events", move |c| {
            work::events(c, &at, &rollout, after)
        })
        .await
    }

    async fn post(&self, rollout: &str, by: &str, request: &Value) -> Result<u64, JournalError> {
        let (at, rollout, by) = (self.at.clone(), rollout.to_owned(), by.to_owned());
        let request = request.to_string();
        self.write("posting a request", move |t| {
            work::post(t, &at, &rollout, &by, &request)
        })
        .await
    }

    async fn inbox(&self, rollout: &str) -> Result<Vec<InboxItem>, JournalError> {
        let (at, rollout) = (self.at.clone(), rollout.to_owned());
        self.run("reading the inbox", move |c| work::inbox(c, &at, &rollout))
            .await
    }

    async fn answer(&self, item: u64) -> Result<Option<InboxItem>, JournalError> {
        let at = self.at.clone();
        self.run("reading a request", move |c| work::answer(c, &at, item))
            .await
    }

    async fn remember(&self, lease: &Lease, shards: &[KnownShard]) -> Result<(), JournalError> {
        let (at, lease, shards) = (self.at.clone(), lease.clone(), shards.to_vec());
        self.write("remembering shards", move |t| {
            shards::remember(t, &at, &lease, &shards)
        })
        .await
    }

    async fn amend(
        &self,
        scope: &Scope,
        lease: Option<&Lease>,
        amendments: &[Amendment],
    ) -> Result<bool, JournalError> {
        let (at, scope, lease) = (self.at.clone(), scope.clone(), lease.cloned());
        let amendments = amendments.to_vec();
        self.write("remembering shards", move |t| {
            shards::amend(t, &at, &scope, lease.as_ref(), &amendments)
        })
        .await
    }

    async fn known(&self, scope: &Scope) -> Result<Vec<KnownShard>, JournalError> {
        let (at, scope) = (self.at.clone(), scope.clone());
        self.run("reading known shards", move |c| {
            shards::known(c, &at, &scope)
        })
        .await
    }

    async fn forget(
        &self,
        scope: &Scope,
        shard: &ShardName,
        by: &str,
        reason: &str,
    ) -> Result<bool, JournalError> {
        let (at, scope, shard) = (self.at.clone(), scope.clone(), shard.clone());
        let (by, reason) = (by.to_owned(), reason.to_owned());
        self.write("forgetting a shard", move |t| {
            shards::forget(t, &at, &scope, &shard, &by, &reason)
        })
        .await
    }

    async fn note(&self, scope: &Scope, act: &Act) -> Result<(), JournalError> {
        let (at, scope, act) = (self.at.clone(), scope.clone(), act.clone());
        self.write("writing down what is done", move |t| {
            acts::note(t, &at, &scope, &act)
        })
        .await
    }

    async fn acts(&self, scope: &Scope, at_most: usize) -> Result<Vec<Act>, JournalError> {
        let (at, scope) = (self.at.clone(), scope.clone());
        self.run("reading what was done", move |c| {
            acts::read(c, &at, &scope, at_most)
        })
        .await
    }
}
