//! A long reader on a standby, and a migration whose lock it would stall.

use crate::{
    fleet::{Replicated, session, until},
    table::retry,
};
use greylag_core::{event::Event, gate::WaitReason, outcome::Left};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::{
    Control,
    apply::{Options, Summary, Verdict},
};

const COLUMN: &str = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'one' AND column_name = 'two'";

/// Somebody who reads on a standby, and has for a while: one that young would be let pass, as it may well be gone before the lock arrives.
async fn read_for_long(standby: &Server, database: &str) -> (tokio_postgres::Client, String) {
    read_table_for_long(standby, database, "one").await
}

async fn read_table_for_long(
    standby: &Server,
    database: &str,
    table: &str,
) -> (tokio_postgres::Client, String) {
    let reader = session(
        &standby.url(database),
        &format!("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM {table};"),
    )
    .await;
    let pid: i32 = reader
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0);
    let old = "SELECT clock_timestamp() - now() > interval '1500 milliseconds'";
    while !reader.query_one(old, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    (reader, pid.to_string())
}

fn waits_for(event: &Event, pid: &str) -> bool {
    matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..],
        [WaitReason::StandbyQueries { node, blockers, .. }]
        if node.to_string() == "s1/replica-1" && blockers.iter().any(|one| one.pid == pid)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_waits_for_a_quiet_moment_on_the_standby_and_says_for_whom() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.done().await;

    let standby = fleet.clusters[0].replica(0);
    let (reader, pid) = read_for_long(standby, &fleet.databases[0].name).await;
    fleet
        .files
        .push(("V2__two.sql", "ALTER TABLE one ADD COLUMN two int;"));
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| waits_for(event, &pid)).await;
    let primary = fleet.clusters[0].primary();
    let there = primary
        .value(&fleet.databases[0].name, COLUMN)
        .await
        .unwrap();
    assert_eq!(there.as_deref(), Some("0"), "it did not wait");

    reader.batch_execute("COMMIT").await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let there = standby
        .value(&fleet.databases[0].name, COLUMN)
        .await
        .unwrap();
    assert_eq!(there.as_deref(), Some("1"));
}

/// Between two tries for a lock on the primary somebody begins to read on the standby: the next try would hit them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_asked_again_before_a_lock_is_tried_again() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.done().await;

    fleet
        .files
        .push(("V2__two.sql", "ALTER TABLE one ADD COLUMN two int;"));
    let here = fleet.read_one(0).await;
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..], [WaitReason::Lock { .. }]))
    })
    .await;
    let standby = fleet.clusters[0].replica(0);
    let (reader, pid) = read_for_long(standby, &fleet.databases[0].name).await;
    until(&told, |event| waits_for(event, &pid)).await;
    // Nothing is in the way on the primary any more, and nothing is tried there.
    here.batch_execute("COMMIT").await.unwrap();
    let primary = fleet.clusters[0].primary();
    let there = primary
        .value(&fleet.databases[0].name, COLUMN)
        .await
        .unwrap();
    assert_eq!(there.as_deref(), Some("0"), "it did not wait");

    reader.batch_execute("COMMIT").await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(fleet.has(primary, 0, "one").await);
    let there = standby
        .value(&fleet.databases[0].name, COLUMN)
        .await
        .unwrap();
    assert_eq!(there.as_deref(), Some("1"));
}

/// A fleet with two tables, and a file that changes one after the other, each by itself; somebody reads the second on the primary.
async fn half_way() -> Option<(Replicated, tokio_postgres::Client)> {
    let mut fleet = Replicated::start(Engine::Postgres, 1, 1).await?;
    (fleet.files).push(("V2__other.sql", "CREATE TABLE other (id int PRIMARY KEY);"));
    fleet.done().await;
    fleet.files.push((
        "V3__two.sql",
        "-- greylag:transaction off\nALTER TABLE one ADD COLUMN two int;\nALTER TABLE other ADD COLUMN two int;",
    ));
    let primary = fleet.clusters[0].primary();
    let url = primary.url(&fleet.databases[0].name);
    let here = session(&url, "BEGIN; SELECT count(*) FROM other;").await;
    Some((fleet, here))
}

fn is_locked_out(event: &Event) -> bool {
    matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..], [WaitReason::Lock { .. }]))
}

/// Its first statement stands: what keeps the second from being tried again changes nothing about that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_is_told_though_it_was_a_standby_that_kept_the_rest_from_being_tried() {
    let Some((mut fleet, here)) = half_way().await else {
        return;
    };
    fleet.policy.lock_deadline = std::time::Duration::from_secs(15);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, is_locked_out).await;
    let (standby, database) = (fleet.clusters[0].replica(0), &fleet.databases[0].name);
    let (_reader, pid) = read_table_for_long(standby, database, "other").await;
    until(&told, |event| waits_for(event, &pid)).await;
    here.batch_execute("COMMIT").await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Split, "{summary:#?}");
    assert_eq!(summary.exit_code, 3);
    assert_eq!(summary.changed.len(), 1, "{summary:#?}");
    let failure = summary.failed.values().next().unwrap();
    let half = Left::Partial { done: 1, total: 2 };
    assert_eq!(failure.left, half, "{failure:#?}");
    assert_eq!(failure.migration.as_ref().unwrap().to_string(), "V3");
    assert_eq!(failure.place.as_ref().unwrap().statement, 2);
    assert!(
        failure.message.contains("standby s1/replica-1"),
        "{failure:#?}"
    );

    // Taken up again, it still waits for the same reader, and still says what stands.
    retry(&fleet).await;
    fleet.policy.lock_deadline = std::time::Duration::from_secs(2);
    let (run, _) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    let failure = summary.failed.values().next().unwrap();
    assert_eq!(failure.left, half, "{failure:#?}");
    assert_eq!(failure.migration.as_ref().unwrap().to_string(), "V3");
}

/// What is locked no more is nothing to wait for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_what_was_changed_already_keeps_nobody_from_trying_the_rest_again() {
    let Some((fleet, here)) = half_way().await else {
        return;
    };
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, is_locked_out).await;
    let (standby, database) = (fleet.clusters[0].replica(0), &fleet.databases[0].name);
    let (reader, pid) = read_for_long(standby, database).await;
    here.batch_execute("COMMIT").await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let waited = told
        .lock()
        .unwrap()
        .iter()
        .any(|(_, event)| waits_for(event, &pid));
    assert!(!waited, "nothing of it is in the way of the rest");
    reader.batch_execute("COMMIT").await.unwrap();
}

/// Its first statement stands, and the run ends before its second is tried again: no failure, and not nothing either.
#[track_caller]
fn stands_half_way(fleet: &Replicated, summary: &Summary) {
    assert_eq!(summary.verdict, Verdict::Split, "{summary:#?}");
    assert_eq!(summary.exit_code, 3);
    assert_eq!(summary.changed.len(), 1, "{summary:#?}");
    assert_eq!(summary.shards.changed, 1, "{summary:#?}");
    assert_eq!(summary.failed.len(), 0, "{summary:#?}");
    let warnings = fleet.warnings.lock().unwrap();
    let told = "1 of 2 statements of V3 stand: the next run goes on after them";
    assert!(warnings.iter().any(|text| text == told), "{warnings:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_is_told_though_the_run_was_interrupted_before_the_rest_was_tried_again() {
    let Some((mut fleet, here)) = half_way().await else {
        return;
    };
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    until(&told, is_locked_out).await;
    control.interrupt();
    let summary = run.await.unwrap();
    stands_half_way(&fleet, &summary);

    // Nobody has to say that it is to be tried again: nothing has failed.
    here.batch_execute("COMMIT").await.unwrap();
    fleet.claim = None;
    fleet.done().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_is_told_though_the_run_was_interrupted_while_a_standby_was_waited_for() {
    let Some((fleet, here)) = half_way().await else {
        return;
    };
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    until(&told, is_locked_out).await;
    let (standby, database) = (fleet.clusters[0].replica(0), &fleet.databases[0].name);
    let (_reader, pid) = read_table_for_long(standby, database, "other").await;
    until(&told, |event| waits_for(event, &pid)).await;
    here.batch_execute("COMMIT").await.unwrap();
    control.interrupt();
    let summary = run.await.unwrap();
    stands_half_way(&fleet, &summary);
}

/// A second interrupt cancels the statement that waits for its lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_is_told_though_the_rest_was_cancelled() {
    let Some((mut fleet, _here)) = half_way().await else {
        return;
    };
    // Its only try waits for as long as the test takes.
    fleet.policy.lock_timeout = greylag_lab::patience() * 10;
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    until(&told, is_locked_out).await;
    control.interrupt();
    control.interrupt();
    let summary = run.await.unwrap();
    stands_half_way(&fleet, &summary);
}
