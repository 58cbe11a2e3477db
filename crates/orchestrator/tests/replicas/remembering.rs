//! `replicas = "auto"`: a replica once seen stays expected until a person forgets it, whoever else is there.

use crate::fleet::{Replicated, Told, assert_done, ended, name, session, started, until};
use greylag_core::{
    event::Event,
    gate::WaitReason,
    identity::Forgotten,
    node::{NodeName, NodeState},
};
use greylag_lab::Engine;
use greylag_orchestrator::{
    apply::{Options, Summary, Verdict},
    operations::forget_node,
    replicas::{NodeReport, look_at_nodes},
};
use std::time::Duration;
use tokio::task::JoinHandle;

async fn asked_of_the_primary(engine: Engine) -> Option<Replicated> {
    let mut fleet = Replicated::start(engine, 1, 2).await?;
    fleet.auto = true;
    fleet.settings.poll = Duration::from_millis(100);
    // PostgreSQL names hosts, and no ports.
    for (at, replica) in fleet.clusters[0].replicas().iter().enumerate() {
        let address = format!("127.0.0.1:{}", replica.port());
        let addresses = &mut fleet.settings.addresses;
        addresses.insert(format!("replica{}", at + 1), address);
    }
    Some(fleet)
}

/// The node behind a port, as pages show it.
async fn at_port(fleet: &Replicated, port: u16) -> NodeReport {
    let seen = look_at_nodes(&fleet.setup().await, None).await;
    let here = |node: &&NodeReport| {
        let address = node.address.as_deref().unwrap_or_default();
        address.contains(&format!(":{port}"))
    };
    let found = seen.iter().find(here).cloned();
    found.unwrap_or_else(|| panic!("{port} is not shown: {seen:#?}"))
}

/// A run holds because this node can't be seen, and says how a person ends that.
fn misses(node: &NodeName) -> impl Fn(&Event) -> bool {
    let advice = format!("greylag fleet forget {node} --reason");
    move |event| {
        matches!(event, Event::Held { reasons } if reasons.iter().any(|reason| {
            matches!(reason, WaitReason::ReplicaUnseen { node: unseen, why, .. }
                if unseen == node && why.contains(&advice))
        }))
    }
}

/// A run that goes on by itself now.
async fn finish(run: JoinHandle<Summary>, told: &Told) -> Summary {
    // A server may list a replica that is gone for a minute: as long as it takes for it to send a sign of life in vain.
    match tokio::time::timeout(greylag_lab::patience() * 3, run).await {
        Ok(summary) => summary.unwrap(),
        Err(_) => panic!("it still waits: {:#?}", told.lock().unwrap().last()),
    }
}

async fn is_missed_until_it_is_forgotten(engine: Engine) {
    let Some(mut fleet) = asked_of_the_primary(engine).await else {
        return;
    };
    fleet.done().await;
    let (left, lost) = (fleet.clusters[0].replica(0), fleet.clusters[0].replica(1));
    let (left, port) = (at_port(&fleet, left.port()).await, lost.port());
    let node = at_port(&fleet, port).await.node();
    lost.kill();

    fleet
        .files
        .push(("V2__two.sql", "CREATE TABLE two (id int PRIMARY KEY);"));
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, misses(&node)).await;
    assert!(!fleet.has(fleet.clusters[0].primary(), 0, "two").await);
    let shown = at_port(&fleet, port).await;
    assert_eq!(
        (shown.node(), shown.state),
        (node.clone(), NodeState::Unreachable)
    );
    assert!(shown.must_be_mended(jiff::Timestamp::now()));

    // A person says so while it holds.
    let setup = fleet.setup().await;
    let primary = NodeName {
        shard: name(0),
        node: format!("127.0.0.1:{}", fleet.clusters[0].primary().port()).into(),
    };
    let refused = forget_node(&setup, &primary, "by mistake").await.unwrap();
    assert_eq!(refused, Forgotten::Primary);
    let forgotten = forget_node(&setup, &node, "scaled down").await.unwrap();
    assert!(matches!(forgotten, Forgotten::Nodes(_)), "{forgotten:?}");
    let again = forget_node(&setup, &node, "scaled down").await.unwrap();
    assert_eq!(again, Forgotten::Unknown);
    assert_done(&finish(run, &told).await, &told);
    let acts = setup.journal.acts(&setup.scope(), 9).await.unwrap();
    assert_eq!(
        (acts.len(), &*acts[0].verb, &*acts[0].reason),
        (1, "forget", "scaled down")
    );

    // The other one is waited for as before.
    fleet
        .files
        .push(("V3__three.sql", "CREATE TABLE three (id int PRIMARY KEY);"));
    fleet.done().await;
    assert!(fleet.has(fleet.clusters[0].replica(0), 0, "three").await);
    let seen = look_at_nodes(&fleet.setup().await, None).await;
    let names: Vec<_> = seen.iter().map(NodeReport::node).collect();
    assert_eq!(names.len(), 2, "{seen:#?}");
    assert!(names.contains(&left.node()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_gone_between_two_runs_is_missed_until_it_is_forgotten() {
    is_missed_until_it_is_forgotten(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_mysql_that_is_gone_between_two_runs_is_missed_until_it_is_forgotten() {
    is_missed_until_it_is_forgotten(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_mariadb_that_is_gone_between_two_runs_is_missed_until_it_is_forgotten() {
    is_missed_until_it_is_forgotten(Engine::MariaDb).await;
}

/// Found in this very run, and gone in it; forgotten, it is waited for no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_gone_half_way_is_missed_until_it_is_forgotten() {
    let Some(mut fleet) = asked_of_the_primary(Engine::Postgres).await else {
        return;
    };
    // That it is paused is to be no reason.
    fleet.settings.limits.max_lag = Duration::from_secs(3600);
    let lost = fleet.clusters[0].replica(1);
    fleet.clusters[0].pause_replay(1).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    let node = NodeName {
        shard: name(0),
        node: "replica2".into(),
    };
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if reasons.iter().any(|reason| {
            matches!(reason, WaitReason::Replay { nodes, count: 1, .. } if nodes[0] == node)
        }))
    })
    .await;
    lost.kill();
    until(&told, misses(&node)).await;
    assert!(
        !told
            .lock()
            .unwrap()
            .iter()
            .any(|(_, event)| ended(0)(event))
    );
    let setup = fleet.setup().await;
    let forgotten = forget_node(&setup, &node, "its host burnt").await.unwrap();
    assert!(matches!(forgotten, Forgotten::Nodes(_)), "{forgotten:?}");
    let summary = finish(run, &told).await;
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let told = told.lock().unwrap();
    let starts = told.iter().filter(|(_, event)| started(0)(event));
    assert_eq!(starts.count(), 1, "run again");
}

/// One that is back is waited for, and nothing has to be said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_comes_back_is_waited_for_again() {
    let Some(mut fleet) = asked_of_the_primary(Engine::MariaDb).await else {
        return;
    };
    fleet.done().await;
    let port = fleet.clusters[0].replica(1).port();
    let node = at_port(&fleet, port).await.node();
    fleet.clusters[0].replica(1).stop_fast().await;
    fleet
        .files
        .push(("V2__two.sql", "CREATE TABLE two (id int PRIMARY KEY);"));
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, misses(&node)).await;
    fleet.clusters[0].replica(1).restart().await.unwrap();
    assert_done(&finish(run, &told).await, &told);
    assert!(fleet.has(fleet.clusters[0].replica(1), 0, "two").await);
}

/// Its work waits for readers on one standby; the other is gone meanwhile, before the lock, and nobody waits for that any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_forgotten_while_work_waits_before_a_lock_is_asked_no_more() {
    let Some(mut fleet) = asked_of_the_primary(Engine::Postgres).await else {
        return;
    };
    fleet.done().await;
    let waits_for = |node: &str, why: fn(&WaitReason) -> Option<&NodeName>| {
        let node = node.to_owned();
        move |event: &Event| {
            matches!(event, Event::ShardWaiting { reasons, .. }
                if reasons.iter().filter_map(why).any(|one| *one.node == *node))
        }
    };
    let (reads, lost) = (fleet.clusters[0].replica(0), fleet.clusters[0].replica(1));
    let url = reads.url(&fleet.databases[0].name);
    let reader = session(
        &url,
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM one;",
    )
    .await;
    // One that young would be let pass.
    let old = "SELECT clock_timestamp() - now() > interval '1500 milliseconds'";
    while !reader.query_one(old, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    fleet
        .files
        .push(("V2__two.sql", "ALTER TABLE one ADD COLUMN two int;"));
    let (run, told) = fleet.run(Options::default()).await;
    let reading = waits_for("replica1", |reason| match reason {
        WaitReason::StandbyQueries { node, .. } => Some(node),
        _ => None,
    });
    until(&told, reading).await;
    lost.kill();
    let unseen = waits_for("replica2", |reason| match reason {
        WaitReason::ReplicaUnseen { node, .. } => Some(node),
        _ => None,
    });
    until(&told, unseen).await;
    let setup = fleet.setup().await;
    let node = NodeName {
        shard: name(0),
        node: "replica2".into(),
    };
    let forgotten = forget_node(&setup, &node, "scaled down").await.unwrap();
    assert!(matches!(forgotten, Forgotten::Nodes(_)), "{forgotten:?}");
    reader.batch_execute("COMMIT").await.unwrap();
    assert_done(&finish(run, &told).await, &told);
}
