//! A replica dies in mid-rollout: three looks that come to nothing hold, by its name, until it is back.

use crate::fleet::{Replicated, ended, name, replaying, until};
use greylag_core::{event::Event, gate::WaitReason};
use greylag_lab::Engine;
use greylag_orchestrator::apply::{Options, Verdict};
use std::time::Duration;

async fn holds_until_it_is_back(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 2, 1).await else {
        return;
    };
    fleet.settings.poll = Duration::from_millis(200);
    // The first shard is kept waiting without a hold: lag alone holds nothing here.
    fleet.settings.limits.max_lag = Duration::from_secs(3600);
    fleet.settings.limits.resume_lag = Duration::from_secs(3600);
    fleet.clusters[0].pause_replay(0).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, replaying(0)).await;

    let dead = fleet.clusters[1].replica(0);
    dead.kill();
    until(&told, |event| {
        matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::ReplicaUnseen { node, why, since: Some(_), .. }]
            if node.to_string() == "s2/replica-1" && why.contains(&format!("127.0.0.1:{}", dead.port()))))
    })
    .await;
    fleet.clusters[0].resume_replay(0).await.unwrap();
    until(&told, ended(0)).await;
    // Its turn has come, and it is the hold alone that keeps it.
    assert!(!fleet.has(fleet.clusters[1].primary(), 1, "one").await);

    dead.restart().await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(fleet.has(dead, 1, "one").await);
    let told = told.lock().unwrap();
    let place = |what: &dyn Fn(&Event) -> bool| told.iter().position(|(_, event)| what(event));
    let freed = place(&|event| matches!(event, Event::Held { reasons } if reasons.is_empty()));
    let begun =
        place(&|event| matches!(event, Event::ShardStarted { shard, .. } if *shard == name(1)));
    assert!(freed.unwrap() < begun.unwrap(), "s2 began under the hold");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_killed_holds_the_rollout_by_name_until_it_is_back() {
    holds_until_it_is_back(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mysql_replica_that_is_killed_holds_the_rollout_by_name_until_it_is_back() {
    holds_until_it_is_back(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_replica_that_is_killed_holds_the_rollout_by_name_until_it_is_back() {
    holds_until_it_is_back(Engine::MariaDb).await;
}
