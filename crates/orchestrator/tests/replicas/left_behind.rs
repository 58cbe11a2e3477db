//! Replicas that stand nobody knows how far behind: what can't be compared is not within the limit.

use crate::{
    failing_over::{TWO, told_move},
    fleet::{Replicated, Told, assert_done, name, until},
    subscriber::{ONE, Pair},
};
use greylag_core::{event::Event, gate::WaitReason, node::Blame};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::apply::Options;
use std::time::Duration;

/// It holds for this node, says that nobody knows how far behind it is, and whose doing that is.
fn is_held(event: &Event, by: &str, is_whose: impl Fn(&Blame) -> bool) -> bool {
    let is_it = |reason: &WaitReason| {
        matches!(reason, WaitReason::ReplicaLag { node, lag_ms: None, distance: None, blame: Some(blame), .. }
            if node.to_string() == by && is_whose(blame))
    };
    matches!(event, Event::Held { reasons } if reasons.iter().any(is_it))
}

fn has_begun(told: &Told) -> bool {
    let told = told.lock().unwrap();
    let began = |event: &Event| matches!(event, Event::ShardStarted { .. });
    told.iter().any(|(_, event)| began(event))
}

/// Makes a standby follow another server.
async fn follow(standby: &Server, port: u16) {
    let sql = format!(
        "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port={port} user=postgres password=greylag application_name=replica2'"
    );
    for statement in [&*sql, "SELECT pg_reload_conf()"] {
        standby.execute("postgres", statement).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_stayed_behind_at_a_failover_holds_until_it_follows_the_heir() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 2).await else {
        return;
    };
    fleet.settings.poll = Duration::from_millis(200);
    fleet.done().await;
    let cluster = &fleet.clusters[1];
    let (heir, left) = (cluster.replica(0), cluster.replica(1));
    cluster.primary().kill();
    heir.promote().await.unwrap();

    fleet.files.push(TWO);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        is_held(event, "s2/replica-2", |blame| {
            matches!(blame, Blame::Disconnected { .. })
        })
    })
    .await;
    assert!(!has_begun(&told), "{:#?}", told.lock().unwrap());
    let first = fleet.clusters[0].primary();
    assert!(!fleet.has(first, 0, "two").await);

    follow(left, fleet.clusters[1].replica(0).port()).await;
    assert_done(&run.await.unwrap(), &told);
    assert!(
        told.lock()
            .unwrap()
            .iter()
            .any(|(_, event)| told_move(event, 1, &fleet))
    );
    assert!(
        fleet.has(fleet.clusters[1].replica(1), 1, "two").await,
        "{}",
        name(1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_that_is_disabled_and_has_no_slot_holds_with_that() {
    let Some(pair) = Pair::start_last_of(2, "TABLE one", ONE).await else {
        return;
    };
    for sql in [
        "ALTER SUBSCRIPTION mirror DISABLE",
        "ALTER SUBSCRIPTION mirror SET (slot_name = NONE)",
    ] {
        pair.subscribe(sql).await;
    }
    let mut fleet = pair.fleet;
    fleet.settings.poll = Duration::from_millis(200);
    fleet.files = vec![TWO];
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        is_held(event, "s2/mirror", |blame| *blame == Blame::Paused)
    })
    .await;
    assert!(!has_begun(&told), "{:#?}", told.lock().unwrap());
    run.abort();
}
