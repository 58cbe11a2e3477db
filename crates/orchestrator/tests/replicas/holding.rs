//! A replica is paused on its server: the rollout holds, says who, touches nothing beyond, and goes on once it is freed.

use crate::fleet::{Replicated, name, until};
use greylag_core::{event::Event, gate::WaitReason, node::Blame, outcome::Outcome};
use greylag_lab::Engine;
use greylag_orchestrator::apply::{Options, Verdict};
use std::time::Duration;

async fn holds_and_goes_on(engine: Engine) {
    let full = std::env::var_os("GREYLAG_FULL").is_some_and(|full| full == "1");
    // The mission is six shards; three show the same in less time.
    let shards = if full { 6 } else { 3 };
    let Some(mut fleet) = Replicated::start(engine, shards, 2).await else {
        return;
    };
    let limit = Duration::from_secs(2);
    fleet.settings.limits.max_lag = limit;
    fleet.settings.limits.resume_lag = Duration::from_secs(1);
    let paused = 1;
    fleet.clusters[paused].pause_replay(0).await.unwrap();

    let (run, told) = fleet.run(Options::default()).await;
    let begun = until(
        &told,
        |event| matches!(event, Event::ShardReplaying { shard, .. } if *shard == name(paused)),
    )
    .await;
    let held = until(&told, |event| {
        matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::ReplicaLag { node, blame: Some(blame), .. }]
            if node.to_string() == "s2/replica-1" && matches!(blame, Blame::Paused | Blame::Stopped { .. })))
    })
    .await;
    let after = held.duration_since(begun);
    println!("{engine}: held {after:?} after the shard was written, with a limit of {limit:?}");

    assert!(
        fleet
            .has(fleet.clusters[paused].primary(), paused, "one")
            .await
    );
    assert!(
        !fleet
            .has(fleet.clusters[paused].replica(0), paused, "one")
            .await
    );
    assert!(fleet.has(fleet.clusters[0].replica(1), 0, "one").await);
    for beyond in 2..shards {
        let primary = fleet.clusters[beyond].primary();
        assert!(
            !fleet.has(primary, beyond, "one").await,
            "s{} was touched",
            beyond + 1
        );
    }

    fleet.clusters[paused].resume_replay(0).await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    for at in 0..shards {
        for replica in fleet.clusters[at].replicas() {
            assert!(
                fleet.has(replica, at, "one").await,
                "s{} is not replayed",
                at + 1
            );
        }
    }
    let told = told.lock().unwrap();
    let place =
        |what: &dyn Fn(&Event) -> bool| told.iter().position(|(_, event)| what(event)).unwrap();
    let done = place(
        &|event| matches!(event, Event::ShardEnded { shard, outcome: Outcome::Applied, .. } if *shard == name(paused)),
    );
    let next =
        place(&|event| matches!(event, Event::ShardStarted { shard, .. } if *shard == name(2)));
    assert!(done < next, "s3 began before s2 was replayed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_standby_holds_the_rollout_and_freeing_it_lets_it_go_on() {
    holds_and_goes_on(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_sql_thread_of_mysql_holds_the_rollout_and_starting_it_lets_it_go_on() {
    holds_and_goes_on(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_sql_thread_of_mariadb_holds_the_rollout_and_starting_it_lets_it_go_on() {
    holds_and_goes_on(Engine::MariaDb).await;
}
