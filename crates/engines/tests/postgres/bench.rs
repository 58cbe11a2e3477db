//! A database of the shared server, sessions on it, and jobs of plain SQL.

use greylag_core::{
    engine::{Dialect, Engine},
    outcome::{Doubt, Failure},
    script::{RunMode, Tx, split},
    survey::ShardIdentity,
};
use greylag_engines::{Applied, Attempt, Claim, Job, Limits, LockAttempt, Note, Session, Target};
use greylag_lab::{Server, TestDatabase};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

pub const HISTORY: &str = "greylag_schema_history";

pub struct Bench {
    pub server: Arc<Server>,
    pub database: TestDatabase,
}

impl Bench {
    pub async fn start() -> Option<Self> {
        let server = greylag_lab::require(greylag_lab::Engine::Postgres).await?;
        Some(Self::on(server).await)
    }

    pub async fn on(server: Arc<Server>) -> Self {
        let database = server.database("pg").await.unwrap();
        Self { server, database }
    }

    pub fn target(&self) -> Target {
        target(&self.database.url)
    }

    pub async fn session(&self) -> Box<dyn Session> {
        open(&self.target()).await
    }

    pub async fn ready(&self) -> Box<dyn Session> {
        ready(&self.target()).await
    }

    /// SQL as the superuser.
    pub async fn admin(&self, sql: &str) {
        self.server.execute(&self.database.name, sql).await.unwrap();
    }

    /// SQL as the account that owns the database.
    pub async fn owner(&self, sql: &str) {
        self.admin(&format!("SET ROLE greylag; {sql}")).await;
    }

    pub async fn value(&self, sql: &str) -> String {
        let value = self.server.value(&self.database.name, sql).await.unwrap();
        value.unwrap_or_else(|| panic!("no value: {sql}"))
    }

    pub async fn rows(&self, version: &str) -> String {
        let sql = format!("SELECT count(*) FROM {HISTORY} WHERE version = '{version}'");
        self.value(&sql).await
    }

    /// A connection that is not Greylag's, for holding things.
    pub async fn other(&self) -> tokio_postgres::Client {
        let url = &self.database.url;
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    }
}

pub fn target(url: &str) -> Target {
    Target {
        engine: Engine::Postgres,
        shard: "eu-1".parse().unwrap(),
        url: url.parse().unwrap(),
        password: None,
        schema: None,
        session_sql: Arc::from([]),
        project: Arc::from("orders"),
        history_table: Arc::from(HISTORY),
        connect_timeout: greylag_lab::patience(),
        application: Arc::from("greylag/r-1/eu-1"),
    }
}

pub async fn open(target: &Target) -> Box<dyn Session> {
    greylag_engines::open(target).await.unwrap()
}

pub async fn ready(target: &Target) -> Box<dyn Session> {
    let mut session = open(target).await;
    lock(session.as_mut()).await;
    session.prepare(&claim()).await.unwrap();
    session
}

pub fn claim() -> Claim {
    Claim {
        identity: ShardIdentity {
            uuid: uuid::Uuid::from_u128(42),
            project: "orders".into(),
            name: "eu-1".parse().unwrap(),
            environment: "test".into(),
        },
        by: "somebody".into(),
    }
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

/// Asks until it is so.
pub async fn until(what: &str, ask: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + greylag_lab::patience();
    while !ask().await {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn wrapped(name: &str, sql: &str) -> Job {
    job(name, sql, RunMode::Transaction)
}

pub fn stepwise(name: &str, sql: &str) -> Job {
    let why = "the test asks for it".to_owned();
    job(name, sql, RunMode::Statements { why })
}

/// A file whose transaction control nobody saw.
pub fn blind(name: &str, sql: &str) -> Job {
    let mut job = wrapped(name, sql);
    for statement in &mut Arc::make_mut(&mut job.script).statements {
        statement.tx = Tx::Can;
    }
    job
}

fn job(name: &str, sql: &str, mode: RunMode) -> Job {
    Job {
        migration: name.parse().unwrap(),
        description: format!("test {name}"),
        script_name: format!("{name}__test.sql"),
        checksum: Some(4711),
        script: Arc::new(split(Dialect::Postgres, sql).unwrap()),
        mode,
        rollout: "r-1".into(),
        epoch: 1,
        installed_by: None,
        limits: Limits {
            lock_timeout: Duration::from_secs(2),
            statement_timeout: None,
        },
        online: Default::default(),
    }
}

pub async fn apply(session: &mut dyn Session, job: &Job) -> Attempt {
    session.apply(std::slice::from_ref(job), &|_| {}).await
}

pub async fn applied(session: &mut dyn Session, job: &Job) -> (Applied, Vec<Note>) {
    let notes = Mutex::new(Vec::new());
    let attempt = session
        .apply(std::slice::from_ref(job), &|note| {
            notes.lock().unwrap().push(note)
        })
        .await;
    match attempt {
        Attempt::Applied(applied) => (applied, notes.into_inner().unwrap()),
        other => panic!("expected success, not {other:#?}"),
    }
}

pub async fn failed(session: &mut dyn Session, job: &Job) -> Failure {
    match apply(session, job).await {
        Attempt::Failed(failure) => failure,
        other => panic!("expected a failure, not {other:#?}"),
    }
}

pub async fn unknown(session: &mut dyn Session, job: &Job) -> Doubt {
    match apply(session, job).await {
        Attempt::Unknown(doubt) => doubt,
        other => panic!("expected a doubt, not {other:#?}"),
    }
}
