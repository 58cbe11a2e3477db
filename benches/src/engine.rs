//! Greylag's own sessions over SQLite files, without plan, journal or surfaces: what the engine alone costs.
//!
//! As an apply does it: every file is surveyed first; then, eight at a time, locked, surveyed under the lock, prepared,
//! migrated with its migrations in one transaction, and let go.

use crate::migrations;
use futures::{StreamExt, stream};
use greylag_core::{
    engine::{Dialect, Engine},
    script::{RunMode, split},
    survey::ShardIdentity,
};
use greylag_engines::{Attempt, Claim, Job, Limits, LockAttempt, Target, open};
use std::{sync::Arc, time::Duration};

const WIDTH: usize = 8;

pub fn run(paths: &[String], apply: bool) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(async {
            let jobs = &jobs();
            stream::iter(paths)
                .for_each_concurrent(WIDTH, |path| survey(path))
                .await;
            if apply {
                stream::iter(paths)
                    .for_each_concurrent(WIDTH, |path| migrate(path, jobs))
                    .await;
            }
        });
}

async fn survey(path: &str) {
    let mut session = open(&target(path)).await.expect("a session");
    session.survey().await.expect("a survey");
    session.close().await;
}

async fn migrate(path: &str, jobs: &[Job]) {
    let target = target(path);
    let mut session = open(&target).await.expect("a session");
    let lock = session.try_lock().await.expect("a lock");
    assert_eq!(lock, LockAttempt::Held);
    session.survey().await.expect("a survey");
    let claim = Claim {
        identity: ShardIdentity {
            uuid: uuid::Uuid::new_v4(),
            project: "bench".into(),
            name: target.shard.clone(),
            environment: "bench".into(),
        },
        by: "bench".into(),
    };
    session.prepare(&claim).await.expect("the tables");
    let attempt = session.apply(jobs, &|_| {}).await;
    assert!(matches!(attempt, Attempt::Applied(_)), "{attempt:?}");
    session.unlock().await.expect("unlocking");
    session.close().await;
}

fn jobs() -> Vec<Job> {
    migrations::files(false)
        .iter()
        .map(|file| Job {
            migration: format!("V{}", file.version).parse().expect("a version"),
            description: file.name.into(),
            script_name: file.file_name(),
            checksum: Some(1),
            script: Arc::new(split(Dialect::Sqlite, file.sql.clone()).expect("a script")),
            mode: RunMode::Transaction,
            rollout: "bench".into(),
            epoch: 1,
            installed_by: None,
            limits: Limits {
                lock_timeout: Duration::from_secs(2),
                statement_timeout: None,
            },
            online: Default::default(),
        })
        .collect()
}

fn target(path: &str) -> Target {
    Target {
        engine: Engine::Sqlite,
        shard: "bench".parse().expect("a name"),
        url: format!("sqlite:{path}").parse().expect("a URL"),
        password: None,
        schema: None,
        session_sql: Arc::from([]),
        project: Arc::from("bench"),
        history_table: Arc::from("greylag_schema_history"),
        connect_timeout: Duration::from_secs(5),
        application: Arc::from("greylag/bench"),
    }
}
