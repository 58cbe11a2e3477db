//! A journal that is only looked at: every write is refused, so that `plan` and `--dry-run` can't by mistake.

use super::{
    Act, Amendment, Holder, InboxItem, JournalError, KnownShard, Lease, LeaseRow, LeaseTry,
    NewRollout, PlannedRow, RolloutRow, Scope, StoredRollout, Taken, store::Journal,
};
use async_trait::async_trait;
use greylag_core::{event::Stamped, fleet::ShardName};
use serde_json::Value;
use std::sync::Arc;

pub struct LookOnly(pub Arc<dyn Journal>);

#[async_trait]
impl Journal for LookOnly {
    fn at(&self) -> String {
        self.0.at()
    }

    async fn take_lease(&self, _: &Scope, _: &Holder) -> Result<LeaseTry, JournalError> {
        Err(JournalError::LookOnly)
    }

    async fn renew(&self, _: &Lease) -> Result<(), JournalError> {
        Err(JournalError::LookOnly)
    }

    async fn release(&self, _: &Lease) -> Result<(), JournalError> {
        Err(JournalError::LookOnly)
    }

    async fn holder(&self, scope: &Scope) -> Result<Option<LeaseRow>, JournalError> {
        self.0.holder(scope).await
    }

    async fn begin(&self, _: &Lease, _: &NewRollout) -> Result<(), JournalError> {
        Err(JournalError::LookOnly)
    }

    async fn append(
        &self,
        _: &Lease,
        _: &str,
        _: &[Stamped],
        _: &[Taken],
    ) -> Result<(), JournalError> {
        Err(JournalError::LookOnly)
    }

    async fn rollouts(&self, scope: &Scope) -> Result<Vec<RolloutRow>, JournalError> {
        self.0.rollouts(scope).await
    }

    async fn planned(&self, scope: &Scope, newest: u32) -> Result<Vec<PlannedRow>, JournalError> {
        self.0.planned(scope, newest).await
    }

    async fn rollout(&self, id: &str) -> Result<Option<StoredRollout>, JournalError> {
        self.0.rollout(id).await
    }

    async fn events(&self, rollout: &str, after: u64) -> Result<Vec<Stamped>, JournalError> {
        self.0.events(rollout, after).await
    }

    async fn post(&self, _: &str, _: &str, _: &Value) -> Result<u64, JournalError> {
        Err(JournalError::LookOnly)
    }

    async fn inbox(&self, rollout: &str) -> Result<Vec<InboxItem>, JournalError> {
        self.0.inbox(rollout).await
    }

    async fn answer(&self, item: u64) -> Result<Option<InboxItem>, JournalError> {
        self.0.answer(item).await
    }

    async fn remember(&self, _: &Lease, _: &[KnownShard]) -> Result<(), JournalError> {
        Err(JournalError::LookOnly)
    }

    async fn amend(
        &self,
        _: &Scope,
        _: Option<&Lease>,
        _: &[Amendment],
    ) -> Result<bool, JournalError> {
        Err(JournalError::LookOnly)
    }

    async fn known(&self, scope: &Scope) -> Result<Vec<KnownShard>, JournalError> {
        self.0.known(scope).await
    }

    async fn forget(
        &self,
        _: &Scope,
        _: &ShardName,
        _: &str,
        _: &str,
    ) -> Result<bool, JournalError> {
        Err(JournalError::LookOnly)
    }

    async fn note(&self, _: &Scope, _: &Act) -> Result<(), JournalError> {
        Err(JournalError::LookOnly)
    }

    async fn acts(&self, scope: &Scope, at_most: usize) -> Result<Vec<Act>, JournalError> {
        self.0.acts(scope, at_most).await
    }
}
