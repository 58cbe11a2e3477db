//! A database of a test's own, jobs for it, and sessions on it.

use greylag_core::{
    engine::{Dialect, Engine},
    migration::MigrationId,
    outcome::Failure,
    script::{RunMode, Tx, split},
    survey::ShardIdentity,
};
use greylag_engines::{Attempt, Claim, Job, Limits, LockAttempt, Note, Session, Target};
use greylag_lab::{Options, Server, TestDatabase};
use mysql_async::prelude::Queryable;
use std::{sync::Arc, time::Duration};

/// Where a test plays.
pub struct Stage {
    pub server: Arc<Server>,
    pub database: TestDatabase,
    pub engine: Engine,
}

impl Stage {
    /// On the server that all tests share.
    pub async fn shared(engine: Engine) -> Option<Stage> {
        let server = greylag_lab::require(lab_engine(engine)).await?;
        Some(Stage::holding(server, engine).await)
    }

    /// On a server of its own, that may be hurt.
    pub async fn private(engine: Engine) -> Option<Stage> {
        if !greylag_lab::available(lab_engine(engine)) {
            return None;
        }
        let server = Server::start(lab_engine(engine), Options::default())
            .await
            .unwrap();
        Some(Stage::holding(Arc::new(server), engine).await)
    }

    pub async fn holding(server: Arc<Server>, engine: Engine) -> Stage {
        let database = server.database("my").await.unwrap();
        Stage {
            server,
            database,
            engine,
        }
    }

    pub fn target(&self) -> Target {
        self.target_at(&self.database.url)
    }

    pub fn target_at(&self, url: &str) -> Target {
        Target {
            engine: self.engine,
            shard: "eu-1".parse().unwrap(),
            url: url.parse().unwrap(),
            password: None,
            schema: None,
            session_sql: Arc::from([]),
            project: "orders".into(),
            history_table: "greylag_schema_history".into(),
            connect_timeout: Duration::from_secs(10),
            application: "greylag/r1/eu-1".into(),
        }
    }

    /// A session, not yet locked.
    pub async fn open(&self) -> Box<dyn Session> {
        greylag_engines::open(&self.target())
            .await
            .unwrap_or_else(|e| panic!("{e}: {e:?}"))
    }

    /// A session that holds the lock on a prepared shard.
    pub async fn ready(&self) -> Box<dyn Session> {
        let mut session = self.open().await;
        hold(session.as_mut()).await;
        session.prepare(&claim()).await.unwrap();
        session
    }

    /// A session that is not Greylag's.
    pub async fn open_plain(&self) -> Plain {
        let url = self.database.url.replacen("mariadb://", "mysql://", 1);
        Plain(mysql_async::Conn::from_url(url).await.unwrap())
    }

    /// Runs SQL as the administrator.
    pub async fn run(&self, sql: &str) {
        self.server.execute(&self.database.name, sql).await.unwrap();
    }

    pub async fn value(&self, sql: &str) -> Option<String> {
        self.server.value(&self.database.name, sql).await.unwrap()
    }

    pub async fn count(&self, table: &str) -> String {
        self.value(&format!("SELECT COUNT(*) FROM {table}"))
            .await
            .unwrap()
    }

    pub async fn has_column(&self, table: &str, column: &str) -> bool {
        let sql = format!(
            "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}' AND column_name = '{column}'"
        );
        self.value(&sql).await.as_deref() == Some("1")
    }

    /// Waits until a query of the administrator says `wanted`.
    pub async fn until(&self, sql: &str, wanted: &str) {
        let deadline = std::time::Instant::now() + greylag_lab::patience();
        loop {
            let value = self.value(sql).await;
            if value.as_deref() == Some(wanted) {
                return;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "{sql} says {value:?}, not {wanted}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A client that is not Greylag.
pub struct Plain(mysql_async::Conn);

impl Plain {
    pub fn id(&self) -> String {
        self.0.id().to_string()
    }

    pub async fn run(&mut self, sql: &str) {
        self.0.query_drop(sql).await.unwrap();
    }

    pub async fn try_run(&mut self, sql: &str) -> Result<(), mysql_async::Error> {
        self.0.query_drop(sql).await
    }

    /// A transaction that has read a table, and so keeps it from being altered.
    pub async fn begin_reading(&mut self, table: &str) {
        self.run("BEGIN").await;
        self.run(&format!("SELECT * FROM {table}")).await;
    }

    pub async fn end(&mut self) {
        self.run("ROLLBACK").await;
    }
}

pub fn lab_engine(engine: Engine) -> greylag_lab::Engine {
    match engine {
        Engine::Mysql => greylag_lab::Engine::MySql,
        Engine::Mariadb => greylag_lab::Engine::MariaDb,
        other => panic!("{other} is no engine of these tests"),
    }
}

/// Tries the lock until it is held.
pub async fn hold(session: &mut dyn Session) {
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    loop {
        match session.try_lock().await.unwrap() {
            LockAttempt::Held => return,
            LockAttempt::Busy { holder } => {
                assert!(
                    std::time::Instant::now() < deadline,
                    "{holder:?} never let go"
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

pub fn claim() -> Claim {
    Claim {
        identity: ShardIdentity {
            uuid: "0198c0de-0000-7000-8000-000000000001".parse().unwrap(),
            project: "orders".into(),
            name: "eu-1".parse().unwrap(),
            environment: "test".into(),
        },
        by: "a test".into(),
    }
}

/// A migration of these statements, in one transaction where its statements allow it.
pub fn job(version: &str, statements: &[&str]) -> Job {
    let migration: MigrationId = format!("V{version}").parse().unwrap();
    let text: String = statements.iter().map(|sql| format!("{sql};\n")).collect();
    let script = split(Dialect::Mysql, format!("-- a migration\n{text}").as_str()).unwrap();
    assert_eq!(script.statements.len(), statements.len());
    let plain = script.statements.iter().all(|s| s.tx == Tx::Can);
    Job {
        migration,
        description: format!("step {version}"),
        script_name: format!("V{version}__step_{version}.sql"),
        checksum: Some(version.bytes().map(i32::from).sum()),
        script: Arc::new(script),
        mode: match plain {
            true => RunMode::Transaction,
            false => RunMode::Statements {
                why: "it commits by itself".into(),
            },
        },
        rollout: "r1".into(),
        epoch: 1,
        installed_by: None,
        limits: Limits {
            lock_timeout: Duration::from_secs(1),
            statement_timeout: None,
        },
        online: Default::default(),
    }
}

/// The same job, told to run as one transaction whatever is in it.
pub fn as_transaction(mut job: Job) -> Job {
    let mut script = (*job.script).clone();
    for statement in &mut script.statements {
        statement.tx = Tx::Can;
    }
    job.script = Arc::new(script);
    job.mode = RunMode::Transaction;
    job
}

pub fn silent() -> impl Fn(Note) + Send + Sync {
    |_| {}
}

pub async fn apply(session: &mut dyn Session, job: &Job) -> Attempt {
    session.apply(std::slice::from_ref(job), &silent()).await
}

/// Applies, and says so if it didn't.
pub async fn succeed(session: &mut dyn Session, job: &Job) -> greylag_engines::Applied {
    match apply(session, job).await {
        Attempt::Applied(applied) => applied,
        other => panic!("{other:?}"),
    }
}

/// Fails, and says so if it didn't.
pub async fn fail(session: &mut dyn Session, job: &Job) -> Failure {
    match apply(session, job).await {
        Attempt::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}
