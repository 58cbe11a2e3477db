//! A journal that crashes its orchestrator at the k-th append: just before it is durable, or just after.

use async_trait::async_trait;
use greylag_core::{event::Stamped, fleet::ShardName};
use greylag_orchestrator::journal::{
    Act, Amendment, Holder, InboxItem, Journal, JournalError, KnownShard, Lease, LeaseRow,
    LeaseTry, NewRollout, PlannedRow, RolloutRow, Scope, StoredRollout, Taken,
};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// When to crash.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crash {
    /// At which write, from 0.
    pub at: usize,
    /// Whether that write is durable.
    pub durable: bool,
}

/// Where what a person says ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum At {
    /// It is written down, and nothing is done yet.
    Noted,
    /// It is done on the shard, and the rollout has not heard of it.
    Done,
}

pub struct Crashing {
    pub inner: Arc<dyn Journal>,
    pub crash: Option<Crash>,
    /// Crashes where a person's word comes to.
    pub word: Option<At>,
    pub writes: Mutex<usize>,
    /// How often the lease was asked for.
    pub leases: Mutex<usize>,
    pub crashed: Notify,
}

impl Crashing {
    pub fn new(inner: Arc<dyn Journal>, crash: Option<Crash>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            crash,
            word: None,
            writes: Mutex::new(0),
            leases: Mutex::new(0),
            crashed: Notify::new(),
        })
    }

    pub fn at_word(inner: Arc<dyn Journal>, word: At) -> Arc<Self> {
        let mut crashing = Self::new(inner, None);
        let whole = Arc::get_mut(&mut crashing).expect("it is new");
        whole.word = Some(word);
        crashing
    }

    fn now(&self) -> Option<Crash> {
        let mut writes = self.writes.lock().unwrap();
        *writes += 1;
        self.crash.filter(|crash| crash.at + 1 == *writes)
    }

    async fn die<T>(&self) -> T {
        self.crashed.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl Journal for Crashing {
    fn at(&self) -> String {
        self.inner.at()
    }

    async fn take_lease(&self, scope: &Scope, holder: &Holder) -> Result<LeaseTry, JournalError> {
        // As a process that has been killed since: its successor need not wait.
        *self.leases.lock().unwrap() += 1;
        let mut holder = holder.clone();
        holder.started = 1;
        self.inner.take_lease(scope, &holder).await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), JournalError> {
        self.inner.renew(lease).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        self.inner.release(lease).await
    }

    async fn holder(&self, scope: &Scope) -> Result<Option<LeaseRow>, JournalError> {
        self.inner.holder(scope).await
    }

    async fn begin(&self, lease: &Lease, rollout: &NewRollout) -> Result<(), JournalError> {
        match self.now() {
            Some(Crash { durable: false, .. }) => self.die().await,
            Some(_) => {
                self.inner.begin(lease, rollout).await?;
                self.die().await
            }
            None => self.inner.begin(lease, rollout).await,
        }
    }

    async fn append(
        &self,
        lease: &Lease,
        rollout: &str,
        events: &[Stamped],
        taken: &[Taken],
    ) -> Result<(), JournalError> {
        match self.now() {
            Some(Crash { durable: false, .. }) => self.die().await,
            Some(_) => {
                self.inner.append(lease, rollout, events, taken).await?;
                self.die().await
            }
            None => self.inner.append(lease, rollout, events, taken).await,
        }
    }

    async fn rollouts(&self, scope: &Scope) -> Result<Vec<RolloutRow>, JournalError> {
        self.inner.rollouts(scope).await
    }

    async fn planned(&self, scope: &Scope, newest: u32) -> Result<Vec<PlannedRow>, JournalError> {
        self.inner.planned(scope, newest).await
    }

    async fn rollout(&self, id: &str) -> Result<Option<StoredRollout>, JournalError> {
        self.inner.rollout(id).await
    }

    async fn events(&self, rollout: &str, after: u64) -> Result<Vec<Stamped>, JournalError> {
        self.inner.events(rollout, after).await
    }

    async fn post(&self, rollout: &str, by: &str, request: &Value) -> Result<u64, JournalError> {
        match self.word {
            Some(At::Done) => self.die().await,
            _ => self.inner.post(rollout, by, request).await,
        }
    }

    async fn inbox(&self, rollout: &str) -> Result<Vec<InboxItem>, JournalError> {
        self.inner.inbox(rollout).await
    }

    async fn answer(&self, item: u64) -> Result<Option<InboxItem>, JournalError> {
        self.inner.answer(item).await
    }

    async fn remember(&self, lease: &Lease, shards: &[KnownShard]) -> Result<(), JournalError> {
        self.inner.remember(lease, shards).await
    }

    async fn amend(
        &self,
        scope: &Scope,
        lease: Option<&Lease>,
        amendments: &[Amendment],
    ) -> Result<bool, JournalError> {
        self.inner.amend(scope, lease, amendments).await
    }

    async fn known(&self, scope: &Scope) -> Result<Vec<KnownShard>, JournalError> {
        self.inner.known(scope).await
    }

    async fn forget(
        &self,
        scope: &Scope,
        shard: &ShardName,
        by: &str,
        reason: &str,
    ) -> Result<bool, JournalError> {
        self.inner.forget(scope, shard, by, reason).await
    }

    async fn note(&self, scope: &Scope, act: &Act) -> Result<(), JournalError> {
        self.inner.note(scope, act).await?;
        match self.word {
            Some(At::Noted) => self.die().await,
            _ => Ok(()),
        }
    }

    async fn acts(&self, scope: &Scope, at_most: usize) -> Result<Vec<Act>, JournalError> {
        self.inner.acts(scope, at_most).await
    }
}
