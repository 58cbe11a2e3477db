//! A session that surveys a shard, given back once the survey is over.

use super::{Pool, key, put};
use crate::setup::Open;
use async_trait::async_trait;
use greylag_core::{engine::Engine, outcome::Blocker, survey::Survey};
use greylag_engines::{
    Attempt, Cancel, Claim, Diagnosis, EngineError, HistoryChange, Job, LockAttempt, Position,
    Progress, Session, Settled, Target,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A kept connection that says nothing for so long is taken for dead.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct KeptSession {
    pub inner: Box<dyn Session>,
    pub open: Arc<dyn Open>,
    pub pool: Pool<dyn Session>,
    pub target: Target,
    /// It has looked before: it may have died since without a word.
    pub is_kept: bool,
    /// It has surveyed without a fault, and done nothing else: it may serve again.
    pub sound: bool,
}

impl KeptSession {
    /// For anything but a survey: what it leaves behind on the connection is not for the next one.
    fn busy(&mut self) -> &mut dyn Session {
        self.sound = false;
        &mut *self.inner
    }

    async fn survey_anew(&mut self) -> Result<Survey, EngineError> {
        let opened = self.open.open(&self.target).await;
        self.inner = opened.map_err(|error| EngineError::Lost {
            address: self.target.address(),
            doing: "looking at the shard",
            source: error.into(),
        })?;
        self.is_kept = false;
        self.inner.survey().await
    }
}

#[async_trait]
impl Session for KeptSession {
    fn engine(&self) -> Engine {
        self.inner.engine()
    }

    fn pid(&self) -> String {
        self.inner.pid()
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        self.inner.canceller()
    }

    /// A connection that has died since the last survey is no fault of the shard.
    async fn survey(&mut self) -> Result<Survey, EngineError> {
        let said = match self.is_kept {
            false => self.inner.survey().await,
            true => match tokio::time::timeout(PATIENCE, self.inner.survey()).await {
                Ok(Ok(survey)) => Ok(survey),
                Ok(Err(_)) | Err(_) => self.survey_anew().await,
            },
        };
        self.sound &= said.is_ok();
        said
    }

    async fn try_lock(&mut self) -> Result<LockAttempt, EngineError> {
        self.busy().try_lock().await
    }

    async fn try_lock_and_survey(&mut self) -> Result<(LockAttempt, Option<Survey>), EngineError> {
        self.busy().try_lock_and_survey().await
    }

    fn expect_tables(&mut self, there: bool) {
        self.inner.expect_tables(there);
    }

    fn expect_replicas(&mut self, there: bool) {
        self.inner.expect_replicas(there);
    }

    async fn end(&mut self, holder: &Blocker) -> Result<(), EngineError> {
        self.busy().end(holder).await
    }

    async fn unlock(&mut self) -> Result<(), EngineError> {
        self.busy().unlock().await
    }

    async fn prepare(&mut self, claim: &Claim) -> Result<(), EngineError> {
        self.busy().prepare(claim).await
    }

    async fn prepare_with_jobs(&mut self, claim: &Claim) -> Result<(), EngineError> {
        self.busy().prepare_with_jobs(claim).await
    }

    fn is_to_prepare(&self) -> bool {
        self.inner.is_to_prepare()
    }

    async fn shield(&mut self) -> Result<(), EngineError> {
        self.busy().shield().await
    }

    async fn apply(&mut self, jobs: &[Job], progress: Progress<'_>) -> Attempt {
        self.busy().apply(jobs, progress).await
    }

    async fn settle(&mut self, job: &Job) -> Result<Settled, EngineError> {
        self.busy().settle(job).await
    }

    fn take_notes(&mut self) -> Vec<String> {
        self.inner.take_notes()
    }

    async fn change_history(&mut self, changes: &[HistoryChange]) -> Result<(), EngineError> {
        self.busy().change_history(changes).await
    }

    async fn ask(&mut self, sql: &str) -> Result<Option<String>, EngineError> {
        self.busy().ask(sql).await
    }

    async fn rows(
        &mut self,
        sql: &str,
    ) -> Result<Vec<BTreeMap<String, Option<String>>>, EngineError> {
        self.busy().rows(sql).await
    }

    async fn list_databases(&mut self) -> Result<Vec<String>, EngineError> {
        self.busy().list_databases().await
    }

    async fn list_schemas(&mut self) -> Result<Vec<String>, EngineError> {
        self.busy().list_schemas().await
    }

    async fn blockers(&mut self, pid: &str) -> Result<Vec<Blocker>, EngineError> {
        self.busy().blockers(pid).await
    }

    async fn position(&mut self) -> Result<Option<Position>, EngineError> {
        self.busy().position().await
    }

    async fn diagnose(&mut self) -> Result<Vec<Diagnosis>, EngineError> {
        self.busy().diagnose().await
    }

    async fn close(self: Box<Self>) {
        match self.sound {
            true => put(&self.pool, key(&self.target), self.inner),
            false => self.inner.close().await,
        }
    }
}
