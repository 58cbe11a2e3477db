//! A working connection to a PostgreSQL primary: the verbs, each told where its work is done.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use greylag_core::{
    engine::Engine,
    migration::MigrationId,
    outcome::{Blocker, Failure, FailureClass, Left},
    survey::Survey,
};
use tokio_postgres::{Error, SimpleQueryRow};

use super::{
    acquaintance::{Acquaintance, Place},
    cancel::Canceller,
    link::{Link, plain},
    survey::Tables,
};
use crate::{
    error::EngineError,
    job::{Attempt, Job, Progress, Settled},
    session::{Cancel, Claim, Diagnosis, HistoryChange, LockAttempt, Position, Session, Whence},
    target::Target,
};

pub struct PgSession {
    pub(super) target: Target,
    pub(super) link: Link,
    /// Where the server was dialled, and by whom.
    pub(super) place: Place,
    /// The role that logged in.
    pub(super) user: String,
    /// The server's version, as it prints it.
    pub(super) version: String,
    /// The server does not tell this role its system identifier.
    pub(super) lineage_hidden: bool,
    /// The server is not the one that was at its place before.
    pub(super) stranger: bool,
    /// The session prints moments in another style than ISO's.
    pub(super) odd_style: bool,
    /// The cluster's system identifier, once surveyed; empty where it is hidden.
    pub(super) lineage: String,
    /// The primary's timeline, once told.
    pub(super) timeline: OnceLock<u32>,
    pub(super) database: String,
    /// Where greylag's tables are, once the server was asked.
    pub(super) home: Option<Home>,
    /// What makes them, to be sent before the next jobs.
    pub(super) making: Vec<String>,
    /// Which of them are there, once seen.
    pub(super) tables: Option<Tables>,
    /// Which are likely to be there, until they were seen.
    pub(super) expected: Tables,
    /// Migrations that have a step row, as seen under the lock.
    pub(super) steps: Option<HashSet<MigrationId>>,
    /// The next rank of the history, as seen under the lock.
    pub(super) next_rank: Option<i32>,
    /// The position behind each commit is wanted.
    pub(super) positions: bool,
    /// The advisory locks that this session holds.
    pub(super) keys: Vec<i64>,
    /// SQL of somebody else's ran since the session was last reset: its settings may still be there.
    pub(super) worn: bool,
    /// The file that this session carried half-way: what it made for itself is kept for its next try.
    pub(super) half_way: Option<MigrationId>,
    /// The project's session SQL, one string a statement.
    pub(super) session_sql: Vec<String>,
    /// Invalid indexes of ours that could not be dropped yet, by number.
    pub(super) leftovers: BTreeSet<u32>,
    /// A canceller of this session was used since the attempt began.
    pub(super) cancelled: Arc<AtomicBool>,
}

/// The schema that greylag's tables are in.
#[derive(Clone, Debug)]
pub struct Home {
    pub schema: String,
}

/// What is known as soon as the server has let us in.
pub struct Login {
    pub user: String,
    pub database: String,
    pub version: String,
    /// One string a statement.
    pub session_sql: Vec<String>,
}

impl PgSession {
    pub(super) fn new(target: Target, link: Link, login: Login) -> Self {
        Self {
            place: Place {
                dialled: target.address().into(),
                user: login.user.as_str().into(),
            },
            target,
            link,
            user: login.user,
            version: login.version,
            database: login.database,
            lineage_hidden: false,
            stranger: false,
            odd_style: false,
            lineage: String::new(),
            timeline: OnceLock::new(),
            home: None,
            making: Vec::new(),
            tables: None,
            expected: Tables::USUAL,
            steps: None,
            next_rank: None,
            positions: true,
            keys: Vec::new(),
            worn: false,
            half_way: None,
            session_sql: login.session_sql,
            leftovers: BTreeSet::new(),
            cancelled: Arc::default(),
        }
    }

    /// The server at this place, if one was met there and no other has answered since.
    pub(super) fn acquaintance(&self) -> Option<Acquaintance> {
        let place = (!self.stranger).then_some(&self.place);
        place?.acquaintance()
    }

    /// One query's rows.
    pub(super) async fn query(
        &self,
        doing: &'static str,
        sql: &str,
    ) -> Result<Vec<SimpleQueryRow>, EngineError> {
        let answer = self.link.run(sql, 0).await;
        self.link.hush();
        match answer.into_rows() {
            Ok(rows) => Ok(rows.into_iter().map(|(_, row)| row).collect()),
            Err(trouble) => Err(self.broken(doing, Some(trouble))),
        }
    }

    /// Asks which schema is home, where neither lock nor survey did.
    pub(super) async fn find_home(&mut self) -> Result<(), EngineError> {
        let sql = "SELECT current_schema(), pg_backend_pid()";
        let rows = self.query("finding the schema", sql).await?;
        let pid = rows[0].get(1).and_then(|pid| pid.parse().ok());
        self.prove_pid(pid.unwrap_or(-1))?;
        self.settle_home(rows[0].get(0))
    }

    pub(super) fn begin_attempt(&self) {
        self.cancelled.store(false, Ordering::Relaxed);
        self.link.hush();
    }

    /// The connection was gone before anything of the jobs was sent.
    pub(super) fn lost_before(&self, jobs: &[Job], error: &Error) -> Failure {
        Failure {
            class: FailureClass::Connection,
            code: None,
            message: format!(
                "the connection to {} was gone before the migration was sent: {}",
                self.target.address(),
                plain(error)
            ),
            migration: jobs.first().map(|job| job.migration.clone()),
            place: None,
            hint: None,
            left: Left::Nothing,
            blockers: Vec::new(),
        }
    }

    /// A verb before the jobs went wrong, and nothing of them was sent.
    pub(super) fn not_started(&self, jobs: &[Job], error: &EngineError) -> Failure {
        let (class, code, hint) = match error {
            EngineError::Server {
                class, code, hint, ..
            } => (*class, code.clone(), hint.clone()),
            EngineError::Lost { .. } => (FailureClass::Connection, None, None),
            _ => (FailureClass::Other, None, None),
        };
        Failure {
            class,
            code,
            message: error.to_string(),
            migration: jobs.first().map(|job| job.migration.clone()),
            place: None,
            hint,
            left: Left::Nothing,
            blockers: Vec::new(),
        }
    }
}

#[async_trait]
impl Session for PgSession {
    fn engine(&self) -> Engine {
        Engine::Postgres
    }

    fn pid(&self) -> String {
        self.link.pid.to_string()
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(Canceller {
            token: self.link.cancel_token(),
            tls: self.link.tls.clone(),
            address: self.place.dialled.clone(),
            used: Arc::clone(&self.cancelled),
        })
    }

    async fn survey(&mut self) -> Result<Survey, EngineError> {
        self.refresh().await?;
        self.look().await
    }

    async fn try_lock(&mut self) -> Result<LockAttempt, EngineError> {
        self.refresh().await?;
        self.attempt_lock().await
    }

    async fn try_lock_and_survey(&mut self) -> Result<(LockAttempt, Option<Survey>), EngineError> {
        self.refresh().await?;
        self.attempt_lock_and_look().await
    }

    fn expect_tables(&mut self, there: bool) {
        self.expected = match there {
            true => Tables::USUAL,
            false => Tables::NONE,
        };
    }

    fn expect_replicas(&mut self, there: bool) {
        self.positions = there;
    }

    async fn whence(&mut self, holder: &Blocker) -> Whence {
        self.look_whence(holder).await
    }

    async fn end(&mut self, holder: &Blocker) -> Result<(), EngineError> {
        self.terminate(holder).await
    }

    async fn unlock(&mut self) -> Result<(), EngineError> {
        self.release().await
    }

    async fn prepare(&mut self, claim: &Claim) -> Result<(), EngineError> {
        self.make_tables(claim).await
    }

    async fn prepare_with_jobs(&mut self, claim: &Claim) -> Result<(), EngineError> {
        self.making = self.what_makes_tables(claim).await?;
        Ok(())
    }

    fn is_to_prepare(&self) -> bool {
        !self.making.is_empty()
    }

    async fn shield(&mut self) -> Result<(), EngineError> {
        self.keep_own_rows().await
    }

    async fn apply(&mut self, jobs: &[Job], progress: Progress<'_>) -> Attempt {
        self.apply_jobs(jobs, progress).await
    }

    async fn settle(&mut self, job: &Job) -> Result<Settled, EngineError> {
        self.refresh().await?;
        self.settle_job(job).await
    }

    async fn change_history(&mut self, changes: &[HistoryChange]) -> Result<(), EngineError> {
        self.mend(changes).await
    }

    async fn ask(&mut self, sql: &str) -> Result<Option<String>, EngineError> {
        // Not under what the last file left of its settings.
        self.refresh().await?;
        self.worn = true;
        self.ask_one(sql).await
    }

    async fn rows(
        &mut self,
        sql: &str,
    ) -> Result<Vec<BTreeMap<String, Option<String>>>, EngineError> {
        self.refresh().await?;
        self.worn = true;
        self.named_rows(sql).await
    }

    async fn list_databases(&mut self) -> Result<Vec<String>, EngineError> {
        self.database_names().await
    }

    async fn list_schemas(&mut self) -> Result<Vec<String>, EngineError> {
        self.schema_names().await
    }

    async fn blockers(&mut self, pid: &str) -> Result<Vec<Blocker>, EngineError> {
        self.who_blocks(pid).await
    }

    async fn position(&mut self) -> Result<Option<Position>, EngineError> {
        self.where_now().await
    }

    async fn diagnose(&mut self) -> Result<Vec<Diagnosis>, EngineError> {
        self.examine().await
    }

    async fn close(self: Box<Self>) {
        self.link.close().await;
    }
}
