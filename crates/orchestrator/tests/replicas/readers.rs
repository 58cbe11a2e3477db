//! A long reader on a standby, and a migration whose lock it would stall.

use crate::fleet::{Replicated, session, until};
use greylag_core::{event::Event, gate::WaitReason};
use greylag_lab::Engine;
use greylag_orchestrator::apply::{Options, Verdict};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_waits_for_a_quiet_moment_on_the_standby_and_says_for_whom() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.done().await;

    let standby = fleet.clusters[0].replica(0);
    let url = standby.url(&fleet.databases[0].name);
    let reader = session(
        &url,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM one;",
    )
    .await;
    let pid: i32 = reader
        .query_one("SELECT pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0);

    // One that young would be let pass: it may well be gone before the lock arrives.
    let old = "SELECT clock_timestamp() - now() > interval '1500 milliseconds'";
    while !reader.query_one(old, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    fleet
        .files
        .push(("V2__two.sql", "ALTER TABLE one ADD COLUMN two int;"));
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..],
            [WaitReason::StandbyQueries { node, blockers, .. }]
            if node.to_string() == "s1/replica-1" && blockers.iter().any(|one| one.pid == pid.to_string())))
    })
    .await;
    let column = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'one' AND column_name = 'two'";
    let primary = fleet.clusters[0].primary();
    let there = primary
        .value(&fleet.databases[0].name, column)
        .await
        .unwrap();
    assert_eq!(there.as_deref(), Some("0"), "it did not wait");

    reader.batch_execute("COMMIT").await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let there = standby
        .value(&fleet.databases[0].name, column)
        .await
        .unwrap();
    assert_eq!(there.as_deref(), Some("1"));
}
