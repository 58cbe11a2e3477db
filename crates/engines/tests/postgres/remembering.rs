//! What the shard remembers of a migration is written by whoever the project's session SQL makes us.

use crate::bench::{Bench, blind, failed, ready, unknown, wrapped};
use greylag_core::survey::StepState;
use greylag_engines::{Settled, Target};
use std::sync::Arc;

/// A login that has nothing of its own, and must become the owner to touch anything.
async fn owned(bench: &Bench) -> Target {
    let name = &bench.database.name;
    let (owner, login) = (format!("owner_{name}"), format!("login_{name}"));
    bench
        .admin(&format!(
            "CREATE ROLE {owner}; CREATE ROLE {login} LOGIN NOINHERIT PASSWORD 'x'; GRANT {owner} TO {login}; \
             CREATE SCHEMA kept AUTHORIZATION {owner}; REVOKE ALL ON SCHEMA public FROM PUBLIC"
        ))
        .await;
    let mut url = bench.target().url;
    url.set_username(&login).unwrap();
    url.set_password(Some("x")).unwrap();
    Target {
        url,
        session_sql: Arc::from([format!("SET search_path = kept; SET ROLE {owner}")]),
        ..bench.target()
    }
}

#[tokio::test]
async fn a_failure_is_remembered_by_a_login_that_inherits_nothing() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = ready(&owned(&bench).await).await;
    failed(session.as_mut(), &wrapped("V1", "SELECT 1 / 0")).await;
    let steps = session.survey().await.unwrap().steps;
    assert_eq!(steps.len(), 1, "{steps:?}");
    assert_eq!(steps[0].state, StepState::Failed);
}

#[tokio::test]
async fn a_file_that_ended_our_transaction_is_not_run_again_for_want_of_a_note() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = ready(&owned(&bench).await).await;
    let job = blind("V1", "CREATE TABLE t (id int); COMMIT; SELECT 1");
    let doubt = unknown(session.as_mut(), &job).await;
    assert!(doubt.needs_person, "{doubt:?}");
    let settled = session.settle(&job).await.unwrap();
    assert!(matches!(settled, Settled::Unknown(_)), "{settled:?}");
}

#[tokio::test]
async fn a_note_that_cant_be_written_is_said() {
    let Some(bench) = Bench::start().await else {
        return;
    };
    let mut session = ready(&bench.target()).await;
    // The file itself takes away what the note would be written to.
    let sql = "CREATE TABLE greylag_step (id int); COMMIT; SELECT 1";
    let doubt = unknown(session.as_mut(), &blind("V1", sql)).await;
    assert!(doubt.needs_person, "{doubt:?}");
    assert!(doubt.why.contains("greylag_step"), "{}", doubt.why);
}
