//! `wait = N` and `wait = "none"`: as many as the project says, never fewer because there are fewer.

use crate::fleet::{Replicated, Told, assert_done, replaying, until};
use greylag_core::{event::Event, gate::WaitReason, node::NodePolicy};
use greylag_lab::Engine;
use greylag_orchestrator::{
    apply::{Options, Verdict},
    project::Expected,
};
use std::time::{Duration, Instant};

fn no_wait() -> Options {
    Options {
        until: Some(Instant::now()),
        no_wait: true,
        ..Options::default()
    }
}

async fn waits_for_as_many_as_are_wanted(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 1, 2).await else {
        return;
    };
    fleet.settings.poll = Duration::from_millis(100);
    // A replica that is paused meanwhile is to be no reason to hold.
    fleet.settings.limits.max_lag = Duration::from_secs(3600);
    fleet.settings.wait = Expected::Number(3);
    let (run, told) = fleet.run(no_wait()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Waiting, "{summary:#?}");
    until(&told, |event| {
        matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::TooFewReplicas { guarded: 2, wanted: 3, .. }]))
    })
    .await;
    assert!(!fleet.has(fleet.clusters[0].primary(), 0, "one").await);

    fleet.settings.wait = Expected::Number(1);
    fleet.done().await;

    // One of two, whichever. It is paused once the gate is passed: behind already, it would hold.
    fleet.files.push((
        "V2__two.sql",
        "ALTER TABLE one ADD COLUMN two int; CREATE TABLE two (id int PRIMARY KEY);",
    ));
    let reader = fleet.read_one(0).await;
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..], [WaitReason::Lock { .. }]))
    })
    .await;
    fleet.clusters[0].pause_replay(1).await.unwrap();
    drop(reader);
    assert_done(&run.await.unwrap(), &told);
    let was_told = |told: &Told| {
        let told = told.lock().unwrap();
        told.iter().any(|(_, event)| replaying(0)(event))
    };
    assert!(was_told(&told));
    assert!(fleet.has(fleet.clusters[0].replica(0), 0, "two").await);
    assert!(!fleet.has(fleet.clusters[0].replica(1), 0, "two").await);

    // Nobody.
    fleet.clusters[0].resume_replay(1).await.unwrap();
    fleet
        .files
        .push(("V3__three.sql", "CREATE TABLE three (id int PRIMARY KEY);"));
    fleet.settings.wait = Expected::None;
    assert!(!was_told(&fleet.done().await));

    // Those that are only observed are none to count on.
    fleet
        .files
        .push(("V4__four.sql", "CREATE TABLE four (id int PRIMARY KEY);"));
    fleet.settings.wait = Expected::Number(1);
    fleet.watched = NodePolicy::Observe;
    let (run, told) = fleet.run(no_wait()).await;
    assert_eq!(run.await.unwrap().verdict, Verdict::Waiting);
    until(&told, |event| {
        matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::TooFewReplicas { guarded: 0, wanted: 1, .. }]))
    })
    .await;
    fleet.watched = NodePolicy::Guard;
    let (run, told) = fleet.run(Options::default()).await;
    assert_done(&run.await.unwrap(), &told);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_standbys_are_waited_for_as_the_project_says() {
    waits_for_as_many_as_are_wanted(Engine::Postgres).await;
}
