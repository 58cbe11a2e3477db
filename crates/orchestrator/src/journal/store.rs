//! What a store of the journal can do.

use super::{
    Act, Amendment, Holder, InboxItem, JournalError, KnownShard, Lease, LeaseRow, LeaseTry,
    Location, NewRollout, PlannedRow, RolloutRow, Scope, StoredRollout, Taken, look_only::LookOnly,
    postgres::Postgres, sqlite::Sqlite,
};
use async_trait::async_trait;
use greylag_core::{event::Stamped, fleet::ShardName};
use serde_json::Value;
use std::sync::Arc;

/// The durable memory of a project. What a method says is done, is on disk.
#[async_trait]
pub trait Journal: Send + Sync {
    /// For messages.
    fn at(&self) -> String;

    /// Takes the lease, or renews it where the holder has it already; a new holder gets a new epoch.
    async fn take_lease(&self, scope: &Scope, holder: &Holder) -> Result<LeaseTry, JournalError>;

    /// Fails with `Fenced` when somebody else has it.
    async fn renew(&self, lease: &Lease) -> Result<(), JournalError>;

    async fn release(&self, lease: &Lease) -> Result<(), JournalError>;

    /// Who holds the lease now, if anybody does.
    async fn holder(&self, scope: &Scope) -> Result<Option<LeaseRow>, JournalError>;

    /// Stores a plan and the files' texts under a new rollout.
    async fn begin(&self, lease: &Lease, rollout: &NewRollout) -> Result<(), JournalError>;

    /// Appends events, all or none, if the lease is still ours and their numbers are the next ones; marks requests as answered.
    async fn append(
        &self,
        lease: &Lease,
        rollout: &str,
        events: &[Stamped],
        taken: &[Taken],
    ) -> Result<(), JournalError>;

    /// [`Self::remember`] and [`Self::append`]; in one go where the store can, since each go waits for the disk.
    async fn append_and_remember(
        &self,
        lease: &Lease,
        rollout: &str,
        events: &[Stamped],
        taken: &[Taken],
        proven: &[KnownShard],
    ) -> Result<(), JournalError> {
        if !proven.is_empty() {
            self.remember(lease, proven).await?;
        }
        self.append(lease, rollout, events, taken).await
    }

    /// Newest first.
    async fn rollouts(&self, scope: &Scope) -> Result<Vec<RolloutRow>, JournalError>;

    /// What so many rollouts that began have in their plans, newest first: less to read than the rollouts.
    async fn planned(&self, scope: &Scope, newest: u32) -> Result<Vec<PlannedRow>, JournalError>;

    async fn rollout(&self, id: &str) -> Result<Option<StoredRollout>, JournalError>;

    /// In order, those after `after`.
    async fn events(&self, rollout: &str, after: u64) -> Result<Vec<Stamped>, JournalError>;

    /// Puts a request into the inbox; says its number.
    async fn post(&self, rollout: &str, by: &str, request: &Value) -> Result<u64, JournalError>;

    /// Requests that wait, in order.
    async fn inbox(&self, rollout: &str) -> Result<Vec<InboxItem>, JournalError>;

    async fn answer(&self, item: u64) -> Result<Option<InboxItem>, JournalError>;

    /// Remembers shards that were claimed under the lease. One that is remembered with the same identity already stays as it is:
    /// more is known of it.
    async fn remember(&self, lease: &Lease, shards: &[KnownShard]) -> Result<(), JournalError>;

    /// Changes what is remembered of each shard that still is remembered as it was read; says whether all are. Under a lease, only
    /// its holder does.
    async fn amend(
        &self,
        scope: &Scope,
        lease: Option<&Lease>,
        amendments: &[Amendment],
    ) -> Result<bool, JournalError>;

    async fn known(&self, scope: &Scope) -> Result<Vec<KnownShard>, JournalError>;

    /// Says whether it was known.
    async fn forget(
        &self,
        scope: &Scope,
        shard: &ShardName,
        by: &str,
        reason: &str,
    ) -> Result<bool, JournalError>;

    /// Writes down what is about to be done to a shard beside any rollout.
    async fn note(&self, scope: &Scope, act: &Act) -> Result<(), JournalError>;

    /// What people had done beside rollouts, newest first; shards that were forgotten among them.
    async fn acts(&self, scope: &Scope, at_most: usize) -> Result<Vec<Act>, JournalError>;
}

/// Opens the journal, and makes it where there is none.
pub async fn open(location: &Location) -> Result<Arc<dyn Journal>, JournalError> {
    Ok(match location {
        Location::Sqlite { path } => Arc::new(Sqlite::open(path).await?),
        Location::Postgres { url, password } => {
            Arc::new(Postgres::open(url, password.clone()).await?)
        }
    })
}

/// Opens the journal to read: where there is none it is empty, and nothing is made.
pub async fn look(location: &Location) -> Result<Arc<dyn Journal>, JournalError> {
    let inner: Arc<dyn Journal> = match location {
        Location::Sqlite { path } if path.exists() => Arc::new(Sqlite::look(path).await?),
        Location::Sqlite { .. } => Arc::new(Sqlite::memory().await?),
        Location::Postgres { url, password } => {
            match Postgres::look(url, password.clone()).await? {
                Some(there) => Arc::new(there),
                None => Arc::new(Sqlite::memory().await?),
            }
        }
    };
    Ok(Arc::new(LookOnly(inner)))
}
