//! The shard's lock: one writer, named to the others, freed by death.

use crate::{bench::*, child};
use greylag_engines::{EngineError, LockAttempt};
use std::process;

#[tokio::test]
async fn a_second_session_is_told_who_holds_the_lock() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut first = greylag_engines::open(&bench.target("a.db")).await.unwrap();
    let mut second = greylag_engines::open(&bench.target("a.db")).await.unwrap();
    assert_eq!(first.try_lock().await.unwrap(), LockAttempt::Held);
    assert_eq!(first.try_lock().await.unwrap(), LockAttempt::Held);
    let LockAttempt::Busy { holder } = second.try_lock().await.unwrap() else {
        panic!("both hold it");
    };
    assert_eq!(holder.application.as_deref(), Some("greylag/r1/a"));
    assert_eq!(holder.pid, first.pid());
    assert_eq!(holder.pid, process::id().to_string());
    assert!(holder.open_ms.is_some());
    assert_eq!(second.blockers("1").await.unwrap()[0].pid, first.pid());
    let end = second.end(&holder).await;
    assert!(matches!(end, Err(EngineError::Unable { .. })), "{end:?}");

    first.unlock().await.unwrap();
    assert_eq!(second.try_lock().await.unwrap(), LockAttempt::Held);
    assert!(second.blockers("1").await.unwrap().is_empty());
}

#[tokio::test]
async fn closing_a_session_frees_its_lock() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    bench.ready("a.db").await.close().await;
    bench.ready("a.db").await.close().await;
}

#[tokio::test]
async fn two_names_of_one_file_share_its_lock() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    std::os::unix::fs::symlink(bench.path("a.db"), bench.path("b.db")).unwrap();
    let _held = bench.ready("a.db").await;
    let mut other = greylag_engines::open(&bench.target("b.db")).await.unwrap();
    assert!(matches!(
        other.try_lock().await.unwrap(),
        LockAttempt::Busy { .. }
    ));
}

#[tokio::test]
async fn the_lock_keeps_no_reader_and_no_application_out() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x)");
    let _held = bench.ready("a.db").await;
    bench
        .raw("a.db")
        .execute_batch("INSERT INTO a VALUES (1)")
        .unwrap();
}

#[tokio::test]
async fn without_the_lock_nothing_is_applied() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut session = bench.ready("a.db").await;
    session.unlock().await.unwrap();
    apply_fails(&mut session, &[wrapped("V1", "CREATE TABLE a (x)")]).await;
    assert_eq!(bench.history("a.db"), 0);
}

#[tokio::test]
async fn another_process_is_kept_out_and_sigkill_frees_the_lock_at_once() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let path = bench.path("a.db").display().to_string();
    let mut player = child::Player::start(HOLD, &path);
    let pid = player.hear("held by ");
    let mut session = greylag_engines::open(&bench.target("a.db")).await.unwrap();
    let LockAttempt::Busy { holder } = session.try_lock().await.unwrap() else {
        panic!("two processes hold it");
    };
    assert_eq!(holder.pid, pid);
    let found = session.diagnose().await.unwrap();
    assert!(
        found.iter().any(|line| line.what.contains(&pid)),
        "{found:?}"
    );
    player.kill();
    assert_eq!(session.try_lock().await.unwrap(), LockAttempt::Held);
}

const HOLD: &str = "lock::part_of_a_process_that_holds_the_lock";

#[tokio::test]
async fn part_of_a_process_that_holds_the_lock() {
    let Some(path) = child::cue(HOLD) else { return };
    let bench = Bench::new();
    let mut session = greylag_engines::open(&bench.target_at(&format!("sqlite:{path}")))
        .await
        .unwrap();
    assert_eq!(session.try_lock().await.unwrap(), LockAttempt::Held);
    child::say(&format!("held by {}", session.pid()));
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_session_that_surveys_in_the_same_process_does_not_drop_the_lock() {
    let bench = Bench::new();
    bench.shard("a.db", "");
    let mut held = bench.ready("a.db").await;
    for _ in 0..3 {
        let mut other = greylag_engines::open(&bench.target("a.db")).await.unwrap();
        other.survey().await.unwrap();
        other.try_lock().await.unwrap();
        other.diagnose().await.unwrap();
        other.close().await;
    }
    let path = bench.path("a.db").display().to_string();
    let mut player = child::Player::start(TRY, &path);
    assert_eq!(player.hear("the lock is "), "busy");
    player.wait();
    apply_ok(&mut held, &[wrapped("V1", "CREATE TABLE a (x)")]).await;
}

const TRY: &str = "lock::part_of_a_process_that_tries_the_lock";

#[tokio::test]
async fn part_of_a_process_that_tries_the_lock() {
    let Some(path) = child::cue(TRY) else { return };
    let bench = Bench::new();
    let mut session = greylag_engines::open(&bench.target_at(&format!("sqlite:{path}")))
        .await
        .unwrap();
    let attempt = session.try_lock().await.unwrap();
    let word = match attempt {
        LockAttempt::Held => "free",
        LockAttempt::Busy { .. } => "busy",
    };
    child::say(&format!("the lock is {word}"));
}

#[tokio::test]
async fn a_process_that_writes_to_the_file_is_named() {
    let bench = Bench::new();
    bench.shard("a.db", "CREATE TABLE a (x)");
    let mut session = bench.ready("a.db").await;
    let path = bench.path("a.db").display().to_string();
    let mut player = child::Player::start(WRITE, &path);
    let pid = player.hear("written by ");
    let failure = apply_fails(&mut session, &[wrapped("V1", "INSERT INTO a VALUES (1)")]).await;
    assert_eq!(failure.class, greylag_core::outcome::FailureClass::Lock);
    let mut watcher = greylag_engines::open(&bench.target("a.db")).await.unwrap();
    let seen = watcher.blockers(&session.pid()).await.unwrap();
    player.kill();
    if !cfg!(target_os = "linux") {
        return;
    }
    for blockers in [failure.blockers, seen] {
        assert_eq!(blockers.len(), 1, "{blockers:?}");
        assert_eq!(blockers[0].pid, pid);
        assert_eq!(
            blockers[0].holds.as_deref(),
            Some("a write lock on the file")
        );
        assert!(blockers[0].application.is_some());
    }
    apply_ok(&mut session, &[wrapped("V1", "INSERT INTO a VALUES (1)")]).await;
}

const WRITE: &str = "lock::part_of_a_process_that_writes";

#[test]
fn part_of_a_process_that_writes() {
    let Some(path) = child::cue(WRITE) else {
        return;
    };
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO a VALUES (7)")
        .unwrap();
    child::say(&format!("written by {}", process::id()));
    loop {
        std::thread::park();
    }
}
