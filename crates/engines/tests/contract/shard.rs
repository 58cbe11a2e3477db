//! A shard under test: sessions on it, jobs for it, and what an oracle sees of it.

use crate::fixture::Fixture;
use greylag_core::{
    migration::MigrationId,
    outcome::Failure,
    script::{RunMode, split},
    survey::{ShardIdentity, Survey},
};
use greylag_engines::{
    Attempt, Claim, Job, Limits, LockAttempt, Note, Session, Settled, Target, open,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

pub const HISTORY: &str = "greylag_schema_history";

pub struct Shard<F> {
    pub fixture: F,
}

impl<F: Fixture> Shard<F> {
    pub async fn start() -> Option<Self> {
        let fixture = F::start().await?;
        Some(Self { fixture })
    }

    pub async fn session(&self) -> Box<dyn Session> {
        session(&self.fixture.target()).await
    }

    /// A session that holds the lock, on a prepared shard.
    pub async fn ready(&self) -> Box<dyn Session> {
        ready(&self.fixture.target()).await
    }

    pub async fn count(&self, sql: &str) -> i64 {
        let value = self.fixture.value(sql).await;
        value
            .unwrap_or_else(|| panic!("no value: {sql}"))
            .parse()
            .unwrap()
    }

    /// History rows of a version.
    pub async fn rows(&self, version: &str) -> i64 {
        self.count(&format!(
            "SELECT count(*) FROM {HISTORY} WHERE version = '{version}' AND success"
        ))
        .await
    }

    /// A file that runs in one transaction.
    pub fn wrapped(&self, name: &str, sql: &str) -> Job {
        self.job(name, sql, RunMode::Transaction)
    }

    /// A file that runs statement by statement.
    pub fn stepwise(&self, name: &str, sql: &str) -> Job {
        let why = "the test asks for it".to_owned();
        self.job(name, sql, RunMode::Statements { why })
    }

    fn job(&self, name: &str, sql: &str, mode: RunMode) -> Job {
        let id: MigrationId = name.parse().unwrap();
        let dialect = F::ENGINE.dialect();
        Job {
            description: format!("test {name}"),
            script_name: format!("{name}__test.sql"),
            checksum: Some(4711),
            script: Arc::new(split(dialect, sql).unwrap()),
            mode,
            rollout: "r-1".into(),
            epoch: 1,
            installed_by: None,
            limits: Limits {
                lock_timeout: Duration::from_secs(2),
                statement_timeout: None,
            },
            online: Default::default(),
            migration: id,
        }
    }
}

pub async fn session(target: &Target) -> Box<dyn Session> {
    match open(target).await {
        Ok(session) => session,
        Err(error) => panic!("{}", told(&error)),
    }
}

pub async fn ready(target: &Target) -> Box<dyn Session> {
    let mut session = session(target).await;
    lock(session.as_mut()).await;
    session.prepare(&claim()).await.unwrap();
    session
}

/// Takes the lock, waiting for a holder that is about to die.
pub async fn lock(session: &mut dyn Session) {
    let deadline = tokio::time::Instant::now() + greylag_lab::patience();
    loop {
        match session.try_lock().await.unwrap() {
            LockAttempt::Held => return,
            LockAttempt::Busy { holder } => {
                let late = tokio::time::Instant::now() > deadline;
                assert!(!late, "the lock is still held by {holder:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

pub fn claim() -> Claim {
    Claim {
        identity: ShardIdentity {
            uuid: uuid::Uuid::from_u128(42),
            project: "orders".into(),
            name: "eu-1".parse().unwrap(),
            environment: "test".into(),
        },
        by: "somebody@somewhere".into(),
    }
}

/// A message with its causes.
pub fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

pub async fn apply(session: &mut dyn Session, job: &Job) -> Attempt {
    session.apply(std::slice::from_ref(job), &|_| {}).await
}

pub async fn applied(session: &mut dyn Session, jobs: &[Job]) -> Vec<Note> {
    let notes = Mutex::new(Vec::new());
    let attempt = session
        .apply(jobs, &|note| notes.lock().unwrap().push(note))
        .await;
    assert!(matches!(attempt, Attempt::Applied(_)), "{attempt:#?}");
    notes.into_inner().unwrap()
}

pub async fn failed(session: &mut dyn Session, job: &Job) -> Failure {
    match apply(session, job).await {
        Attempt::Failed(failure) => failure,
        other => panic!("expected a failure, not {other:#?}"),
    }
}

pub async fn look(session: &mut dyn Session) -> Survey {
    session.survey().await.unwrap()
}

pub async fn settled(session: &mut dyn Session, job: &Job) -> Settled {
    session.settle(job).await.unwrap()
}
