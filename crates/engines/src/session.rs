//! The verbs that the orchestrator speaks to a shard.

use crate::{
    error::EngineError,
    job::{Attempt, Job, Progress, Settled},
};
use async_trait::async_trait;
use greylag_core::{
    engine::Engine,
    history::HistoryRow,
    migration::MigrationId,
    outcome::Blocker,
    survey::{ShardIdentity, Survey},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// A working connection to a shard's primary. One at a time uses it.
#[async_trait]
pub trait Session: Send {
    fn engine(&self) -> Engine;

    /// The server's own name of this connection (backend pid, connection id), by which blockers know it.
    fn pid(&self) -> String;

    /// Ends what this session runs, on the server.
    fn canceller(&self) -> Arc<dyn Cancel>;

    /// Looks at the shard: role, identity, history, steps. One query where the tables exist; creates nothing, locks nothing.
    async fn survey(&mut self) -> Result<Survey, EngineError>;

    /// Tries once to take the shard's lock (and Flyway's, when the table is Flyway's). Never waits.
    async fn try_lock(&mut self) -> Result<LockAttempt, EngineError>;

    /// [`Self::try_lock`], and a look under the lock in the same breath where the engine can. No survey where the lock is not
    /// had, or where [`Self::survey`] is to be called for it.
    async fn try_lock_and_survey(&mut self) -> Result<(LockAttempt, Option<Survey>), EngineError> {
        Ok((self.try_lock().await?, None))
    }

    /// Whether Greylag's tables are likely to be there, as far as the caller knows: a right word spares the first look at the
    /// shard a round trip, a wrong one costs it one.
    fn expect_tables(&mut self, there: bool) {
        let _ = there;
    }

    /// Whether the position behind each commit is wanted; where nothing replays it, asking for it is work for nothing. Until told
    /// otherwise, it is.
    fn expect_replicas(&mut self, there: bool) {
        let _ = there;
    }

    /// Where the session comes from that holds the shard's lock, and what ends it.
    async fn whence(&mut self, holder: &Blocker) -> Whence {
        let _ = holder;
        Whence::default()
    }

    /// Ends the session that holds the shard's lock (`--take-over`).
    async fn end(&mut self, holder: &Blocker) -> Result<(), EngineError>;

    async fn unlock(&mut self) -> Result<(), EngineError>;

    /// Under the lock: creates the history table and Greylag's own where they are missing, and writes the identity
    /// where there is none. Idempotent.
    async fn prepare(&mut self, claim: &Claim) -> Result<(), EngineError>;

    /// [`Self::prepare`], in the same breath as the next jobs where the engine can: before them, and in a transaction of its own, so
    /// that it stands where they fail. Only for a caller that goes on to [`Self::apply`].
    async fn prepare_with_jobs(&mut self, claim: &Claim) -> Result<(), EngineError> {
        self.prepare(claim).await
    }

    /// Whether what [`Self::prepare_with_jobs`] was asked for is still to be done.
    fn is_to_prepare(&self) -> bool {
        false
    }

    /// Under the lock, on a logical subscriber, once the tables are there: keeps rows of Greylag's own tables that come from the
    /// publisher out of them, since a publication of all tables carries those, too, and a subscriber's history is its own.
    /// Idempotent.
    async fn shield(&mut self) -> Result<(), EngineError> {
        Err(self.unable("be a logical subscriber"))
    }

    /// Under the lock: runs the jobs. Several jobs share one transaction, all or nothing; a caller passes several only where
    /// `Facts::groups_by_default` or the policy allows it and all of them are `RunMode::Transaction`.
    ///
    /// The caller has checked history and steps under this lock; a job whose step row says that a prefix of its
    /// statements is done resumes after it (`Settled::Absent` told so).
    ///
    /// Dropping the future does not stop the server: use the canceller, then await the answer.
    async fn apply(&mut self, jobs: &[Job], progress: Progress<'_>) -> Attempt;

    /// Under the lock: finds out what became of a job that may have been under way.
    async fn settle(&mut self, job: &Job) -> Result<Settled, EngineError>;

    /// What the last verbs found that a person should see, and that is no failure; each is told once.
    fn take_notes(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Under the lock, in one transaction: mends the history table and Greylag's rows.
    async fn change_history(&mut self, changes: &[HistoryChange]) -> Result<(), EngineError>;

    /// Runs a query and says what its first row's first column is, as text (`verify`, SQL checks).
    async fn ask(&mut self, sql: &str) -> Result<Option<String>, EngineError>;

    /// Runs a query and gives its rows, each column as text under its name (the catalog of `[[discover]]`).
    async fn rows(
        &mut self,
        sql: &str,
    ) -> Result<Vec<BTreeMap<String, Option<String>>>, EngineError> {
        let _ = sql;
        Err(self.unable("be a catalog"))
    }

    /// The databases of the server that are somebody's own.
    async fn list_databases(&mut self) -> Result<Vec<String>, EngineError> {
        Err(self.unable("list databases"))
    }

    /// The schemas of the database that are somebody's own.
    async fn list_schemas(&mut self) -> Result<Vec<String>, EngineError> {
        Err(self.unable("list schemas"))
    }

    /// An ability that the engine doesn't have.
    fn unable(&self, what: &'static str) -> EngineError {
        EngineError::Unable {
            engine: self.engine().title(),
            what,
        }
    }

    /// Who holds what the session `pid` waits for. Called on another session than the one that waits.
    async fn blockers(&mut self, pid: &str) -> Result<Vec<Blocker>, EngineError>;

    /// The primary's position now; later than that of any earlier commit.
    async fn position(&mut self) -> Result<Option<Position>, EngineError>;

    /// What `doctor` has to say: missing privileges (with the GRANT that mends them), poolers, settings.
    async fn diagnose(&mut self) -> Result<Vec<Diagnosis>, EngineError>;

    /// Says goodbye, and lets the server know: the shard's lock dies with the session, a moment later at most.
    async fn close(self: Box<Self>);
}

/// Ends, on the server, what a session runs.
#[async_trait]
pub trait Cancel: Send + Sync {
    async fn cancel(&self) -> Result<(), EngineError>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockAttempt {
    Held,
    /// Someone else has it, named as far as the server tells.
    Busy {
        holder: Blocker,
    },
}

/// What a person needs to know of a session that only a person may end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whence {
    /// The machine it comes from, as far as the server tells.
    pub host: Option<String>,
    /// The statement or command that ends it.
    pub ended_by: Option<String>,
}

/// Who a shard becomes when it has no identity yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub identity: ShardIdentity,
    pub by: String,
}

pub use greylag_core::position::Position;

/// A change to a shard's history: `baseline`, `repair`, `undo`, `settle`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryChange {
    /// Adds a row; its rank is the next one, whatever the row says.
    Insert(HistoryRow),
    /// Sets checksum, description and kind of the row of a rank (Flyway's repair).
    Realign {
        installed_rank: i32,
        checksum: Option<i32>,
        description: String,
        kind: String,
    },
    /// Removes a failed row.
    Remove { installed_rank: i32 },
    /// Removes Greylag's step row of a migration.
    ForgetStep { migration: MigrationId },
    /// Marks Greylag's step row of a migration as so many statements done, and closes its intent.
    SettleStep {
        migration: MigrationId,
        statements_done: u32,
        hashes: Vec<String>,
    },
    /// Rewrites the identity row (`fleet rebrand`).
    Rebrand(ShardIdentity),
}

/// One line of `greylag doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    pub level: Level,
    pub what: String,
    /// What to run or set, ready to copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Good,
    Warning,
    Problem,
}
