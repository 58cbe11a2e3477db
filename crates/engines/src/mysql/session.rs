//! The session's verbs, each answered by a module of its own.

use super::{
    afresh::{self, Variables},
    apply, blockers, diagnose,
    flavour::Flavour,
    history,
    link::Link,
    lock,
    names::Names,
    place, settle, survey, tables,
};
use crate::{
    error::EngineError,
    job::{Attempt, Job, Progress, Settled},
    online::Access,
    session::{Cancel, Claim, Diagnosis, HistoryChange, LockAttempt, Position, Session, Whence},
    target::Target,
};
use async_trait::async_trait;
use greylag_core::{engine::Engine, outcome::Blocker, survey::Survey};
use mysql_async::Opts;
use std::{collections::BTreeMap, sync::Arc};

/// A working connection to one database.
#[derive(Debug)]
pub struct MysqlSession {
    pub link: Link,
    pub flavour: &'static dyn Flavour,
    pub version: String,
    pub max_packet: u64,
    /// Names of databases and tables are the same in any case.
    pub lowers_names: bool,
    pub names: Names,
    pub target: Target,
    /// For the second connection that cancels.
    pub options: Opts,
    /// The named locks this session took.
    pub held: Vec<String>,
    /// A file has run here and may have left settings behind.
    pub dirty: bool,
    /// Its variables as they were before the first file.
    pub found: Option<Variables>,
    /// The roles that the login gave.
    pub role: Option<String>,
    /// How a tool reaches the same server.
    pub access: Access,
    /// What a look found that a person should see.
    pub notes: Vec<String>,
    /// Who was seen to block somebody last.
    pub looked: Option<blockers::Looked>,
}

#[async_trait]
impl Session for MysqlSession {
    fn engine(&self) -> Engine {
        self.flavour.engine()
    }

    fn pid(&self) -> String {
        self.link.id().to_string()
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(self.kill_switch())
    }

    async fn survey(&mut self) -> Result<Survey, EngineError> {
        afresh::renew(self).await?;
        survey::look(self).await
    }

    async fn try_lock(&mut self) -> Result<LockAttempt, EngineError> {
        lock::try_lock(self).await
    }

    async fn whence(&mut self, holder: &Blocker) -> Whence {
        lock::whence(self, holder).await
    }

    async fn end(&mut self, holder: &Blocker) -> Result<(), EngineError> {
        lock::end(self, holder).await
    }

    async fn unlock(&mut self) -> Result<(), EngineError> {
        lock::unlock(self).await
    }

    async fn prepare(&mut self, claim: &Claim) -> Result<(), EngineError> {
        tables::prepare(self, claim).await
    }

    async fn apply(&mut self, jobs: &[Job], progress: Progress<'_>) -> Attempt {
        apply::apply(self, jobs, progress).await
    }

    async fn settle(&mut self, job: &Job) -> Result<Settled, EngineError> {
        settle::settle(self, job).await
    }

    fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    async fn change_history(&mut self, changes: &[HistoryChange]) -> Result<(), EngineError> {
        afresh::renew(self).await?;
        history::change(self, changes).await
    }

    /// In a transaction that may only read: a question changes nothing.
    async fn ask(&mut self, sql: &str) -> Result<Option<String>, EngineError> {
        let doing = "a query";
        // Not under what the last file left of its settings.
        afresh::renew(self).await?;
        let begun = self.link.run("START TRANSACTION READ ONLY").await;
        begun.map_err(|t| self.link.refused(t, doing))?;
        let answer = self.link.value(sql).await;
        let ended = self.link.run("ROLLBACK").await;
        let answer = answer.map_err(|t| self.link.refused(t, doing))?;
        ended.map_err(|t| self.link.refused(t, doing))?;
        Ok(answer)
    }

    async fn rows(
        &mut self,
        sql: &str,
    ) -> Result<Vec<BTreeMap<String, Option<String>>>, EngineError> {
        let rows = self.link.named_rows(sql).await;
        rows.map_err(|t| self.link.refused(t, "a query"))
    }

    async fn list_databases(&mut self) -> Result<Vec<String>, EngineError> {
        let answer = self
            .link
            .run(
                "SELECT schema_name FROM information_schema.schemata WHERE schema_name NOT IN \
                 ('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY schema_name",
            )
            .await;
        let answer = answer.map_err(|t| self.link.refused(t, "listing databases"))?;
        Ok(answer
            .rows
            .into_iter()
            .filter_map(|row| row.into_iter().next().flatten())
            .collect())
    }

    async fn blockers(&mut self, pid: &str) -> Result<Vec<Blocker>, EngineError> {
        blockers::of(self, pid).await
    }

    async fn position(&mut self) -> Result<Option<Position>, EngineError> {
        let position = place::read(self).await;
        position.map_err(|t| self.link.refused(t, "reading the position"))
    }

    async fn diagnose(&mut self) -> Result<Vec<Diagnosis>, EngineError> {
        diagnose::diagnose(self).await
    }

    async fn close(self: Box<Self>) {
        self.link.close().await;
    }
}

impl MysqlSession {
    /// Ends what this session runs.
    pub fn kill_switch(&self) -> KillSwitch {
        KillSwitch {
            options: self.options.clone(),
            id: self.link.id(),
            address: self.target.address(),
        }
    }
}

/// Ends a connection's statement from a second connection.
#[derive(Clone, Debug)]
pub struct KillSwitch {
    options: Opts,
    id: u32,
    address: String,
}

#[async_trait]
impl Cancel for KillSwitch {
    async fn cancel(&self) -> Result<(), EngineError> {
        let lost = |source: mysql_async::Error| EngineError::Lost {
            address: self.address.clone(),
            doing: "cancelling a statement",
            source: Box::new(source),
        };
        let mut link = Link::connect(self.options.clone(), self.address.clone())
            .await
            .map_err(lost)?;
        let killed = link.run(format!("KILL QUERY {}", self.id)).await;
        let killed = killed.map_err(|t| link.refused(t, "cancelling a statement"));
        link.close().await;
        killed.map(drop)
    }
}

impl std::fmt::Debug for dyn Flavour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.engine().title())
    }
}
