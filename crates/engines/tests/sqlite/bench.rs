//! A folder of shards for one test, and jobs made of plain SQL.

use greylag_core::{
    engine::Engine,
    outcome::Failure,
    script::{RunMode, Script},
    survey::ShardIdentity,
};
use greylag_engines::{Attempt, Claim, Job, Limits, LockAttempt, Note, Session, Target};
use rusqlite::Connection;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tempfile::TempDir;

pub struct Bench {
    folder: TempDir,
}

pub const HISTORY: &str = "greylag_schema_history";

impl Bench {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A plain connection, as an application would have it.
    pub fn raw(&self, name: &str) -> Connection {
        let connection = Connection::open(self.path(name)).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
            .pragma_update(None, "foreign_keys", false)
            .unwrap();
        connection
    }

    /// A shard made by this SQL.
    pub fn shard(&self, name: &str, sql: &str) {
        self.raw(name).execute_batch(sql).unwrap();
        if !self.path(name).exists() {
            std::fs::write(self.path(name), "").unwrap();
        }
    }

    pub fn target(&self, name: &str) -> Target {
        self.target_at(&format!("sqlite:{}", self.path(name).display()))
    }

    pub fn target_at(&self, url: &str) -> Target {
        Target {
            engine: Engine::Sqlite,
            shard: "a".parse().unwrap(),
            url: url.parse().unwrap(),
            password: None,
            schema: None,
            session_sql: Arc::new([]),
            project: "shop".into(),
            history_table: HISTORY.into(),
            connect_timeout: Duration::from_secs(5),
            application: "greylag/r1/a".into(),
        }
    }

    /// A session with the lock held and the tables made.
    pub async fn ready(&self, name: &str) -> Box<dyn Session> {
        let mut session = greylag_engines::open(&self.target(name)).await.unwrap();
        assert_eq!(session.try_lock().await.unwrap(), LockAttempt::Held);
        session.prepare(&claim()).await.unwrap();
        session
    }

    /// One number out of the file.
    pub fn count(&self, name: &str, sql: &str) -> i64 {
        self.raw(name).query_row(sql, [], |row| row.get(0)).unwrap()
    }

    pub fn history(&self, name: &str) -> i64 {
        self.count(name, &format!("SELECT count(*) FROM {HISTORY}"))
    }
}

pub fn claim() -> Claim {
    Claim {
        identity: ShardIdentity {
            uuid: uuid::Uuid::from_u128(7),
            project: "shop".into(),
            name: "a".parse().unwrap(),
            environment: "test".into(),
        },
        by: "a test".into(),
    }
}

/// A job that runs statement by statement.
pub fn stepwise(migration: &str, sql: &str) -> Job {
    let why = "the test says so".into();
    job_of(migration, cut(sql), RunMode::Statements { why })
}

/// A job that runs in a transaction.
pub fn wrapped(migration: &str, sql: &str) -> Job {
    job_of(migration, cut(sql), RunMode::Transaction)
}

fn job_of(migration: &str, script: Script, mode: RunMode) -> Job {
    Job {
        migration: migration.parse().unwrap(),
        description: "a test".into(),
        script_name: format!("{migration}__a_test.sql"),
        checksum: Some(4711),
        script: Arc::new(script),
        mode,
        rollout: "r1".into(),
        epoch: 1,
        installed_by: Some("tester".into()),
        limits: Limits {
            lock_timeout: Duration::from_millis(300),
            statement_timeout: None,
        },
        online: Default::default(),
    }
}

fn cut(sql: &str) -> Script {
    greylag_core::script::split(greylag_core::engine::Dialect::Sqlite, sql.to_owned()).unwrap()
}

pub async fn apply(session: &mut Box<dyn Session>, jobs: &[Job]) -> Attempt {
    session.apply(jobs, &|_| {}).await
}

pub async fn apply_ok(session: &mut Box<dyn Session>, jobs: &[Job]) -> Vec<Note> {
    let notes = std::sync::Mutex::new(Vec::new());
    let attempt = session
        .apply(jobs, &|note| notes.lock().unwrap().push(note))
        .await;
    assert!(matches!(attempt, Attempt::Applied(_)), "{attempt:?}");
    notes.into_inner().unwrap()
}

pub async fn apply_fails(session: &mut Box<dyn Session>, jobs: &[Job]) -> Failure {
    match apply(session, jobs).await {
        Attempt::Failed(failure) => failure,
        other => panic!("a failure was expected: {other:?}"),
    }
}

/// Runs a job that never ends; once its first statement is done, lets another connection try to write, then cancels.
/// Whether the other was refused.
pub async fn tried_at_first_note(
    session: &mut Box<dyn Session>,
    job: Job,
    other: Connection,
) -> bool {
    let canceller = session.canceller();
    let (tell, told) = std::sync::mpsc::channel();
    let tried = tokio::task::spawn_blocking(move || {
        told.recv().unwrap();
        other.execute_batch("INSERT INTO a VALUES (0)").is_err()
    });
    let watch = tokio::spawn(async move {
        let refused = tried.await.unwrap();
        canceller.cancel().await.unwrap();
        refused
    });
    let attempt = session
        .apply(&[job], &move |_| {
            let _ = tell.send(());
        })
        .await;
    assert!(matches!(attempt, Attempt::Failed(_)), "{attempt:?}");
    watch.await.unwrap()
}
