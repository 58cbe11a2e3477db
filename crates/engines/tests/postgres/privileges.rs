//! Ordinary roles: what they may see and do, and what the message says when they may not.

use crate::bench::{Bench, HISTORY, applied, claim, lock, open, target, wrapped};
use greylag_core::{outcome::FailureClass, survey::Role};
use greylag_engines::{
    EngineError, OpenError, PasswordSource, Secret, SecretError, Target, open as try_open,
};
use std::sync::Arc;

#[tokio::test]
async fn a_role_that_may_nothing_can_still_look() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench
        .admin(
            "GRANT CONNECT ON DATABASE current TO greylag_plain"
                .replace("current", &bench.database.name)
                .as_str(),
        )
        .await;
    let mut session = open(&target(&plain(&bench))).await;
    let seen = session.survey().await.unwrap();
    assert_eq!(seen.role, Role::Primary);
    assert!(!seen.server.lineage.is_empty());
    assert!(
        seen.server.database.starts_with(&bench.database.name),
        "{:?}",
        seen.server
    );
}

#[tokio::test]
async fn a_role_that_may_not_create_is_told_the_grant() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench
        .admin("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await;
    let mut session = open(&target(&plain(&bench))).await;
    lock(session.as_mut()).await;
    let refused = session.prepare(&claim()).await.unwrap_err();
    let EngineError::Server { class, hint, .. } = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(*class, FailureClass::Permission);
    let hint = hint.as_deref().unwrap();
    assert!(
        hint.contains("GRANT USAGE, CREATE ON SCHEMA \"public\" TO \"greylag_plain\""),
        "{hint}"
    );
    let found = session.diagnose().await.unwrap();
    let mends: Vec<_> = found
        .iter()
        .filter_map(|line| line.mend.as_deref())
        .collect();
    assert!(
        mends
            .iter()
            .any(|mend| mend.contains("GRANT USAGE, CREATE")),
        "{found:?}"
    );
}

#[tokio::test]
async fn tables_made_by_somebody_else_need_no_right_to_create() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    bench.ready().await.close().await;
    bench
        .admin("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        .await;
    bench
        .admin(
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO greylag_plain",
        )
        .await;
    let mut session = open(&target(&plain(&bench))).await;
    lock(session.as_mut()).await;
    session.prepare(&claim()).await.unwrap();
    applied(session.as_mut(), &wrapped("V1", "SELECT 1")).await;
    assert_eq!(bench.rows("1").await, "1");
}

#[tokio::test]
async fn a_wrong_password_is_a_refused_login_that_shows_no_password() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    struct Wrong;
    #[async_trait::async_trait]
    impl PasswordSource for Wrong {
        async fn resolve(&self) -> Result<Secret, SecretError> {
            Ok(Secret::new("s3cr3t-of-nobody"))
        }
    }
    let wrong = Target {
        password: Some(Arc::new(Wrong)),
        ..bench.target()
    };
    let Err(error) = try_open(&wrong).await else {
        // A server that trusts everybody asks for no password.
        return;
    };
    assert!(matches!(error, OpenError::Login { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("s3cr3t"));
}

#[tokio::test]
async fn a_database_that_is_not_there_and_a_port_that_nobody_has_are_told_apart() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let missing = target(&bench.server.url("no_such_database"));
    let Err(error) = try_open(&missing).await else {
        panic!()
    };
    assert!(
        matches!(&error, OpenError::Login { message, .. } if message.contains("no_such_database")),
        "{error:?}"
    );
    let Err(error) = try_open(&target("postgres://greylag@127.0.0.1:1/x")).await else {
        panic!()
    };
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_healthy_shard_has_nothing_to_mend() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = bench.ready().await;
    let found = session.diagnose().await.unwrap();
    assert!(!found.is_empty());
    assert!(found.iter().all(|line| line.mend.is_none()), "{found:?}");
    assert_eq!(
        bench
            .value(&format!("SELECT count(*) FROM {HISTORY}"))
            .await,
        "0"
    );
}

fn plain(bench: &Bench) -> String {
    bench
        .server
        .url_through(bench.server.port(), "greylag_plain", &bench.database.name)
}
