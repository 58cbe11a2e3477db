//! A primary that is named by a service (an address that goes over at a failover), and a replica that this leads to then: one server
//! under two names, and no second primary.

use crate::{
    failing_over::{TWO, times},
    fleet::{Replicated, assert_done, ended, name, replaying, until},
};
use greylag_core::{event::Event, gate::WaitReason, node::NodeRole};
use greylag_lab::{Engine, Proxy};
use greylag_orchestrator::{
    apply::Options, replicas::look_at_nodes, survey::survey_fleet, watch::Blind,
};
use std::time::Duration;

/// So many shards with a replica each; the last one's primary is reached by a service.
async fn given(engine: Engine, shards: usize) -> Option<(Replicated, Proxy)> {
    let mut fleet = Replicated::start(engine, shards, 1).await?;
    fleet.settings.poll = Duration::from_millis(200);
    let last = shards - 1;
    let port = fleet.clusters[last].primary().port();
    let service = Proxy::start(port).await.unwrap();
    fleet.services.insert(last, service.port());
    Some((fleet, service))
}

/// During a rollout the primary dies, its replica is promoted, and the service goes over to that.
async fn goes_on_where_the_service_leads(engine: Engine) {
    let Some((mut fleet, service)) = given(engine, 2).await else {
        return;
    };
    fleet.done().await;

    fleet.files.push(TWO);
    // One that is paused short of its primary would let nothing begin: what a server writes by itself comes before.
    if engine == Engine::Postgres {
        let primary = fleet.clusters[0].primary();
        let database = &fleet.databases[0].name;
        primary.execute(database, "CHECKPOINT").await.unwrap();
    }
    fleet.clusters[0].wait_replayed().await.unwrap();
    fleet.clusters[0].pause_replay(0).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, replaying(0)).await;
    let (old, heir) = (fleet.clusters[1].primary(), fleet.clusters[1].replica(0));
    old.kill();
    heir.promote().await.unwrap();
    service.lead_to(heir.port());
    service.cut().await;
    fleet.clusters[0].resume_replay(0).await.unwrap();
    until(&told, ended(1)).await;
    assert_done(&run.await.unwrap(), &told);
    let is_over = |(_, event): &(_, Event)| matches!(event, Event::Finished { .. });
    assert!(
        told.lock().unwrap().iter().any(is_over),
        "done, and not over"
    );
    assert_eq!(times(&fleet, heir, 1, "2").await, "1");

    is_well_from_now_on(&mut fleet, 1).await;
}

/// The service answers nobody until the primary was found at the replica's own name, and leads there then.
async fn is_one_server_though_the_service_comes_late(engine: Engine) {
    let Some((mut fleet, service)) = given(engine, 1).await else {
        return;
    };
    fleet.done().await;
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    old.kill();
    heir.promote().await.unwrap();
    fleet.files.push(TWO);
    let (run, told) = fleet.run(Options::default()).await;
    assert_done(&run.await.unwrap(), &told);
    assert_eq!(
        times(&fleet, fleet.clusters[0].replica(0), 0, "2").await,
        "1"
    );
    service.lead_to(fleet.clusters[0].replica(0).port());
    service.cut().await;
    is_well_from_now_on(&mut fleet, 0).await;
}

/// Between two rollouts the same, where the primary names its replicas: nobody follows the heir, and nobody is missed.
async fn goes_on_though_nobody_follows(engine: Engine) {
    let Some((mut fleet, service)) = given(engine, 1).await else {
        return;
    };
    fleet.auto = true;
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    // PostgreSQL names hosts, and no ports.
    let address = format!("127.0.0.1:{}", heir.port());
    fleet.settings.addresses.insert("replica1".into(), address);
    fleet.done().await;
    old.kill();
    heir.promote().await.unwrap();
    service.lead_to(heir.port());
    service.cut().await;
    is_well_from_now_on(&mut fleet, 0).await;
}

/// The heir is no second primary on any page, nor for any run, whatever run of its server it is.
async fn is_well_from_now_on(fleet: &mut Replicated, at: usize) {
    let heir = fleet.clusters[at].replica(0);
    is_shown_once(fleet, at).await;
    heir.restart().await.unwrap();
    is_shown_once(fleet, at).await;
    fleet
        .files
        .push(("V3__three.sql", "CREATE TABLE three (id int PRIMARY KEY);"));
    let (run, told) = fleet.run(Options::default()).await;
    assert_done(&run.await.unwrap(), &told);
    let heir = fleet.clusters[at].replica(0);
    assert_eq!(times(fleet, heir, at, "3").await, "1");
    let is_rival = |event: &Event| {
        matches!(event, Event::Held { reasons } if reasons.iter().any(|reason| matches!(reason,
            WaitReason::ReplicaUnseen { why, .. } if why.contains("two primaries"))))
    };
    let told = told.lock().unwrap();
    assert!(!told.iter().any(|(_, event)| is_rival(event)), "{told:#?}");
}

async fn is_shown_once(fleet: &Replicated, at: usize) {
    let setup = fleet.setup().await;
    let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
    let refusals = &surveyed.get(&name(at)).unwrap().refusals;
    assert!(refusals.is_empty(), "{refusals:?}");
    let seen = look_at_nodes(&setup, None).await;
    let mut of_shard = seen.iter().filter(|node| node.shard == name(at));
    let here = of_shard.next().unwrap();
    assert_eq!(here.role, NodeRole::Primary);
    assert!(of_shard.next().is_none(), "{seen:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_leads_to_the_heir_late_is_no_node_of_its_own() {
    is_one_server_though_the_service_comes_late(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_of_mariadb_that_leads_to_the_heir_late_is_no_node_of_its_own() {
    is_one_server_though_the_service_comes_late(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_goes_over_to_a_listed_standby_makes_no_second_primary() {
    goes_on_where_the_service_leads(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_goes_over_to_a_listed_replica_of_mysql_makes_no_second_primary() {
    goes_on_where_the_service_leads(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_goes_over_to_a_listed_replica_of_mariadb_makes_no_second_primary() {
    goes_on_where_the_service_leads(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_went_over_to_a_standby_which_its_primary_named_makes_nobody_missed() {
    goes_on_though_nobody_follows(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_went_over_to_a_replica_of_mysql_which_its_primary_named_makes_nobody_missed()
 {
    goes_on_though_nobody_follows(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_went_over_to_a_replica_of_mariadb_which_its_primary_named_makes_nobody_missed()
 {
    goes_on_though_nobody_follows(Engine::MariaDb).await;
}
