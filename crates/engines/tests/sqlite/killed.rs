//! SIGKILL in the middle: the journal is played back, and a look tells the truth.

use crate::{bench::*, child};
use greylag_engines::{Job, LockAttempt, Note, Settled};

#[tokio::test]
async fn a_process_killed_in_the_middle_of_a_transaction_leaves_nothing() {
    killed_and_run_again("PRAGMA journal_mode = DELETE").await;
}

#[tokio::test]
async fn a_process_killed_in_the_middle_leaves_nothing_in_wal_mode_either() {
    killed_and_run_again("PRAGMA journal_mode = WAL").await;
}

async fn killed_and_run_again(mode: &str) {
    let bench = Bench::new();
    bench.shard("a.db", &format!("{mode}; {TABLES}"));
    let path = bench.path("a.db").display().to_string();
    let mut player = child::Player::start(DIES, &path);
    player.hear("statement 2 done");
    player.kill();
    if mode.ends_with("DELETE") {
        let journal = bench.path("a.db-journal");
        assert!(
            journal.metadata().unwrap().len() > 0,
            "a hot journal was left to be played back"
        );
    }

    let mut session = greylag_engines::open(&bench.target("a.db")).await.unwrap();
    let survey = session.survey().await.unwrap();
    assert!(survey.history.is_empty() && survey.steps.is_empty());
    assert!(survey.identity.is_some());
    assert_eq!(session.try_lock().await.unwrap(), LockAttempt::Held);
    assert_eq!(session.settle(&dies()).await.unwrap(), Settled::Absent);
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM n"), 0);
    apply_ok(&mut session, &[wrapped("V1", "INSERT INTO n VALUES (1)")]).await;
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM n"), 1);
}

const TABLES: &str = "CREATE TABLE n (x); CREATE TABLE big (x)";

/// Its second statement writes more than the page cache holds, so that the file itself is changed before the end.
fn dies() -> Job {
    wrapped(
        "V1",
        "INSERT INTO n VALUES (1);
         INSERT INTO big WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 6000) SELECT zeroblob(1000) FROM n;
         SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n);",
    )
}

const DIES: &str = "killed::part_of_a_process_that_dies_in_a_transaction";

#[tokio::test]
async fn part_of_a_process_that_dies_in_a_transaction() {
    let Some(path) = child::cue(DIES) else { return };
    play(&path, dies()).await;
}

#[tokio::test]
async fn a_process_killed_between_statements_is_taken_up_where_it_stopped() {
    let bench = Bench::new();
    bench.shard("a.db", TABLES);
    let path = bench.path("a.db").display().to_string();
    let mut player = child::Player::start(STOPS, &path);
    player.hear("statement 2 done");
    player.kill();

    let mut session = greylag_engines::open(&bench.target("a.db")).await.unwrap();
    assert_eq!(session.try_lock().await.unwrap(), LockAttempt::Held);
    let step = session.survey().await.unwrap().steps.remove(0);
    assert_eq!(step.statements_done, 2);
    assert_eq!(
        session.settle(&stops("SELECT 1")).await.unwrap(),
        Settled::Absent
    );
    apply_ok(&mut session, &[stops("SELECT 1")]).await;
    assert_eq!(bench.count("a.db", "SELECT count(*) FROM n"), 2);
    assert_eq!(bench.history("a.db"), 1);
}

fn stops(third: &str) -> Job {
    stepwise(
        "V1",
        &format!("INSERT INTO n VALUES (1);\nVACUUM;\n{third};\nINSERT INTO n VALUES (2);"),
    )
}

const STOPS: &str = "killed::part_of_a_process_that_dies_between_statements";

#[tokio::test]
async fn part_of_a_process_that_dies_between_statements() {
    let Some(path) = child::cue(STOPS) else {
        return;
    };
    let endless = "SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n)";
    play(&path, stops(endless)).await;
}

/// Runs a job that never ends, and says how far it is.
async fn play(path: &str, job: Job) {
    let bench = Bench::new();
    let mut session = greylag_engines::open(&bench.target_at(&format!("sqlite:{path}")))
        .await
        .unwrap();
    assert_eq!(session.try_lock().await.unwrap(), LockAttempt::Held);
    session.prepare(&claim()).await.unwrap();
    session
        .apply(&[job], &|note| {
            if let Note::Statement { done, .. } = note {
                child::say(&format!("statement {done} done"));
            }
        })
        .await;
}
