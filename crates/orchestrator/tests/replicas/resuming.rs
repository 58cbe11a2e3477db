//! The orchestrator goes while a shard's replicas replay: the next run waits for them again, and runs nothing twice.

use crate::fleet::{Replicated, name, until};
use greylag_core::{event::Event, rollout::Progress};
use greylag_lab::Engine;
use greylag_orchestrator::apply::{Options, Verdict};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ends_as_waiting_leaves_the_shard_applied_and_the_next_one_waits_for_its_replicas()
 {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    // A statement that can't run twice.
    fleet.files = vec![(
        "V1__one.sql",
        "CREATE TABLE one (id int PRIMARY KEY); INSERT INTO one VALUES (1);",
    )];
    fleet.settings.timeout = Duration::from_millis(500);
    fleet.clusters[0].pause_replay(0).await.unwrap();
    let no_wait = Options {
        until: Some(Instant::now()),
        ..Options::default()
    };
    let (run, told) = fleet.run(no_wait).await;
    let summary = run.await.unwrap();
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::Waiting, 4),
        "{summary:#?}"
    );
    until(
        &told,
        |event| matches!(event, Event::NotReplayed { shard, .. } if *shard == name(0)),
    )
    .await;
    assert!(matches!(
        fleet.progress(0).await,
        Some(Progress::Replaying { overdue: true, .. })
    ));
    assert!(!fleet.has(fleet.clusters[1].primary(), 1, "one").await);

    let (run, told) = fleet.run(Options::default()).await;
    until(
        &told,
        |event| matches!(event, Event::ShardWaiting { shard, .. } if *shard == name(0)),
    )
    .await;
    assert!(!fleet.has(fleet.clusters[1].primary(), 1, "one").await);
    fleet.clusters[0].resume_replay(0).await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let again =
        |event: &Event| matches!(event, Event::ShardStarted { shard, .. } if *shard == name(0));
    assert!(
        !told.lock().unwrap().iter().any(|(_, event)| again(event)),
        "it was run again"
    );
    let rows = fleet.clusters[0]
        .replica(0)
        .value(&fleet.databases[0].name, "SELECT count(*) FROM one")
        .await;
    assert_eq!(rows.unwrap().as_deref(), Some("1"));
}
