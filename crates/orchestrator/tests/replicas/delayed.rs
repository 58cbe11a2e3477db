//! A replica that is late on purpose: its delay is no lag, and its shard is not done before it has the work.

use crate::fleet::{Replicated, Told, ended, name, started, until};
use greylag_core::{
    event::Event,
    gate::WaitReason,
    node::Blame,
    policy::{Size, WaveRule},
};
use greylag_lab::Engine;
use greylag_orchestrator::{
    apply::{Options, Verdict},
    project::Expected,
};
use std::time::Duration;

/// No test comes to its end by itself.
const BY: Duration = Duration::from_secs(3600);

/// Two shards, and the first one's replica is late on purpose; what lags by a tenth of a second is too far behind.
async fn given(engine: Engine) -> Option<Replicated> {
    let mut fleet = Replicated::start(engine, 2, 1).await?;
    fleet.settings.limits.max_lag = Duration::from_millis(100);
    fleet.settings.limits.resume_lag = Duration::from_millis(50);
    fleet.settings.poll = Duration::from_millis(100);
    fleet.clusters[0].delay_replay(0, BY).await.unwrap();
    Some(fleet)
}

/// Whether the rollout was ever held because the delayed replica is behind.
fn was_held_for_lag(told: &Told) -> bool {
    let lags = |reason: &WaitReason| matches!(reason, WaitReason::ReplicaLag { node, .. } if node.shard == name(0));
    let told = told.lock().unwrap();
    told.iter()
        .any(|(_, event)| matches!(event, Event::Held { reasons } if reasons.iter().any(lags)))
}

async fn is_no_lag(engine: Engine) {
    let Some(mut fleet) = given(engine).await else {
        return;
    };
    // Nobody waits for the work to be replayed; the second shard's gate comes when the first one's replica is ten times as far
    // behind as is allowed.
    fleet.settings.wait = Expected::None;
    let wave = |name: &str, size, soak| WaveRule {
        name: name.into(),
        select: None,
        size,
        soak,
        approval: false,
    };
    fleet.policy.waves = vec![
        wave("first", Size::Count(1), Duration::from_secs(1)),
        wave("rest", Size::Rest, Duration::ZERO),
    ];
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, started(1)).await;
    let delayed = fleet.clusters[0].replica(0);
    assert!(!fleet.has(delayed, 0, "one").await, "it was not late");
    until(&told, ended(1)).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(!was_held_for_lag(&told), "{:#?}", told.lock().unwrap());
}

async fn is_waited_for(engine: Engine) {
    let Some(mut fleet) = given(engine).await else {
        return;
    };
    fleet.settings.timeout = Duration::from_secs(2);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { shard, reasons, .. } if *shard == name(0) && matches!(&reasons[..],
            [WaitReason::Replay { nodes, count: 1, blame: Some(Blame::Delayed { by }) }]
            if nodes[0].to_string() == "s1/replica-1" && *by == BY))
    })
    .await;
    // Its time is up long before its delay is: applied, not replayed, and nothing new starts.
    until(&told, |event| {
        matches!(event, Event::NotReplayed { shard, nodes, .. }
            if *shard == name(0) && nodes.len() == 1 && nodes[0].to_string() == "s1/replica-1")
    })
    .await;
    assert!(!was_held_for_lag(&told), "{:#?}", told.lock().unwrap());
    assert!(!fleet.has(fleet.clusters[1].primary(), 1, "one").await);

    fleet.clusters[0]
        .delay_replay(0, Duration::ZERO)
        .await
        .unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(fleet.has(fleet.clusters[0].replica(0), 0, "one").await);
    let told = told.lock().unwrap();
    let place = |what: &dyn Fn(&Event) -> bool| told.iter().position(|(_, event)| what(event));
    assert!(
        place(&ended(0)).unwrap() < place(&started(1)).unwrap(),
        "s2 began before s1 was replayed"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_delayed_standby_is_late_by_on_purpose_holds_nobody_else() {
    is_no_lag(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_delayed_mysql_replica_is_late_by_on_purpose_holds_nobody_else() {
    is_no_lag(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_delayed_mariadb_replica_is_late_by_on_purpose_holds_nobody_else() {
    is_no_lag(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_whose_standby_is_delayed_is_told_as_not_replayed_and_done_when_it_is() {
    is_waited_for(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_whose_mysql_replica_is_delayed_is_told_as_not_replayed_and_done_when_it_is() {
    is_waited_for(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_whose_mariadb_replica_is_delayed_is_told_as_not_replayed_and_done_when_it_is() {
    is_waited_for(Engine::MariaDb).await;
}
