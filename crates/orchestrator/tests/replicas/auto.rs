//! `replicas = "auto"`: the primary says who follows it, and those who follow in turn.

use crate::fleet::{Replicated, name, until};
use greylag_core::{event::Event, gate::WaitReason, node::NodeRole};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::{
    apply::{Options, Verdict},
    replicas::{NodeReport, look_at_nodes},
};
use std::time::Instant;

/// Two replicas, one of which follows the other.
async fn waits_for_the_end_of_a_cascade(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 1, 1).await else {
        return;
    };
    fleet.clusters[0].cascade(0).await.unwrap();
    fleet.clusters[0].wait_replayed().await.unwrap();
    fleet.auto = true;
    if engine == Engine::Postgres {
        // It names hosts, and no ports.
        for (at, replica) in fleet.clusters[0].replicas().iter().enumerate() {
            let address = format!("127.0.0.1:{}", replica.port());
            let addresses = &mut fleet.settings.addresses;
            addresses.insert(format!("replica{}", at + 1), address);
        }
    }
    let ports: Vec<u16> = fleet.clusters[0]
        .replicas()
        .iter()
        .map(greylag_lab::Server::port)
        .collect();
    let deadline = Instant::now() + greylag_lab::patience();
    loop {
        let seen = look_at_nodes(&fleet.setup().await, None).await;
        let found: Vec<_> = seen
            .iter()
            .filter(|node| node.role == NodeRole::Replica)
            .collect();
        assert_eq!(found.len(), 2, "{seen:#?}");
        for port in &ports {
            let here = |address: &String| address.ends_with(&format!(":{port}"));
            let is_there = |node: &&NodeReport| node.address.as_ref().is_some_and(here);
            assert!(found.iter().any(is_there), "{port} is not found: {seen:#?}");
        }
        // One look may find one of them a little behind.
        if !(found.iter()).any(|node| node.in_trouble(jiff::Timestamp::now())) {
            break;
        }
        assert!(Instant::now() < deadline, "it stays in trouble: {seen:#?}");
    }

    // The end of the cascade is no child of the primary, and is waited for nevertheless.
    fleet.clusters[0].pause_replay(1).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { shard, reasons, .. } if *shard == name(0)
            && matches!(&reasons[..], [WaitReason::Replay { count: 1, .. }]))
    })
    .await;
    assert!(fleet.has(fleet.clusters[0].replica(0), 0, "one").await);
    assert!(!fleet.has(fleet.clusters[0].replica(1), 0, "one").await);
    fleet.clusters[0].resume_replay(1).await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(fleet.has(fleet.clusters[0].replica(1), 0, "one").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standbys_are_found_by_the_address_map_and_a_cascades_end_is_waited_for() {
    waits_for_the_end_of_a_cascade(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_of_mysql_are_found_and_a_cascades_end_is_waited_for() {
    waits_for_the_end_of_a_cascade(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_of_mariadb_are_found_and_a_cascades_end_is_waited_for() {
    waits_for_the_end_of_a_cascade(Engine::MariaDb).await;
}

/// Nothing is guessed: a standby whose address nobody can use holds the rollout, and says what to write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_can_not_be_reached_as_it_is_named_holds_the_rollout() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.auto = true;
    let nowhere = "127.0.0.1:1".to_owned();
    fleet.settings.addresses.insert("replica1".into(), nowhere);
    fleet.settings.poll = std::time::Duration::from_millis(100);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::ReplicaUnseen { node, .. }] if node.to_string() == "s1/replica1"))
    })
    .await;
    assert!(!fleet.has(fleet.clusters[0].primary(), 0, "one").await);
    run.abort();
}

/// Makes a replica follow another server.
async fn follow(replica: &Server, database: &str, port: u16) {
    let statements = match replica.engine() {
        Engine::Postgres => vec![
            format!(
                "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port={port} user=postgres password=greylag application_name=replica2'"
            ),
            "SELECT pg_reload_conf()".into(),
        ],
        Engine::MariaDb => vec![
            "STOP SLAVE".into(),
            format!("CHANGE MASTER TO MASTER_PORT={port}"),
            "START SLAVE".into(),
        ],
        _ => vec![
            "STOP REPLICA".into(),
            format!("CHANGE REPLICATION SOURCE TO SOURCE_PORT={port}"),
            "START REPLICA".into(),
        ],
    };
    for statement in statements {
        replica.execute(database, &statement).await.unwrap();
    }
}

/// A replica that only the dead primary named is promoted, and the one that is left is waited for behind it.
async fn goes_on_with_what_the_primary_named(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 1, 2).await else {
        return;
    };
    fleet.auto = true;
    for (at, replica) in fleet.clusters[0].replicas().iter().enumerate() {
        let address = format!("127.0.0.1:{}", replica.port());
        let addresses = &mut fleet.settings.addresses;
        addresses.insert(format!("replica{}", at + 1), address);
    }
    fleet.done().await;

    fleet
        .files
        .push(("V2__two.sql", "CREATE TABLE two (id int PRIMARY KEY);"));
    let cluster = &fleet.clusters[0];
    let (old, heir, other) = (cluster.primary(), cluster.replica(0), cluster.replica(1));
    cluster.pause_replay(1).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| matches!(event, Event::ShardReplaying { .. })).await;
    let deadline = Instant::now() + greylag_lab::patience();
    while !fleet.has(heir, 0, "two").await {
        assert!(Instant::now() < deadline, "the heir never has it");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    old.kill();
    heir.promote().await.unwrap();
    until(&told, |event| {
        matches!(event, Event::PrimaryMoved { to, .. } if to.ends_with(&format!(":{}", heir.port())))
    })
    .await;
    assert!(!fleet.has(other, 0, "two").await);
    assert!(
        !run.is_finished(),
        "one of its replicas has not replayed it"
    );
    follow(other, &fleet.databases[0].name, heir.port()).await;
    cluster.resume_replay(1).await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(fleet.has(other, 0, "two").await);
    let history = "SELECT count(*) FROM greylag_schema_history WHERE version = '2'";
    let found = heir.value(&fleet.databases[0].name, history).await.unwrap();
    assert_eq!(found.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_only_its_primary_named_is_found_when_it_is_promoted() {
    goes_on_with_what_the_primary_named(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_mysql_that_only_its_primary_named_is_found_when_it_is_promoted() {
    goes_on_with_what_the_primary_named(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_mariadb_that_only_its_primary_named_is_found_when_it_is_promoted() {
    goes_on_with_what_the_primary_named(Engine::MariaDb).await;
}
