//! A readers' name falls back to the primary for want of its standby, and the primary's own name fails as well: the primary is reached by the
//! readers' name then, and the standby is missed as before.

use crate::{
    failing_over::TWO,
    fleet::{Replicated, Told, assert_done, ended, name, replaying, until},
};
use greylag_core::{event::Event, gate::WaitReason};
use greylag_lab::{Engine, Proxy};
use greylag_orchestrator::apply::Options;
use std::time::Duration;

const THREE: (&str, &str) = ("V3__three.sql", "CREATE TABLE three (id int PRIMARY KEY);");

/// One shard, whose primary and whose replica are each reached by a service.
async fn given(engine: Engine) -> Option<(Replicated, Proxy, Proxy)> {
    let mut fleet = Replicated::start(engine, 1, 1).await?;
    fleet.settings.poll = Duration::from_millis(200);
    let own = Proxy::start(fleet.clusters[0].primary().port());
    let own = own.await.unwrap();
    let readers = Proxy::start(fleet.clusters[0].replica(0).port());
    let readers = readers.await.unwrap();
    fleet.services.insert(0, own.port());
    fleet.doors.insert((0, 0), readers.port());
    Some((fleet, own, readers))
}

/// The standby is missed, by the name that leads to its primary.
fn misses_its_standby(event: &Event) -> bool {
    let is_it = |reason: &WaitReason| {
        matches!(reason, WaitReason::ReplicaUnseen { node, why, .. }
        if &*node.node == "replica-1" && why.contains("the shard's primary itself"))
    };
    matches!(event, Event::Held { reasons } if reasons.iter().any(is_it))
}

/// … and the primary does not answer by its own.
fn misses_both(event: &Event) -> bool {
    let is_primary = |reason: &WaitReason| matches!(reason, WaitReason::ReplicaUnseen { node, .. } if &*node.node == "primary");
    misses_its_standby(event)
        && matches!(event, Event::Held { reasons } if reasons.iter().any(is_primary))
}

fn has_ended(told: &Told) -> bool {
    let told = told.lock().unwrap();
    told.iter().any(|(_, event)| ended(0)(event))
}

async fn is_missed_by_whatever_name(engine: Engine) {
    let Some((mut fleet, own, readers)) = given(engine).await else {
        return;
    };
    fleet.done().await;

    fleet.files.push(TWO);
    fleet.clusters[0].still(0).await.unwrap();
    let (primary, standby) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    fleet.clusters[0].pause_replay(0).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, replaying(0)).await;
    standby.kill();
    readers.lead_to(primary.port());
    readers.cut().await;
    until(&told, misses_its_standby).await;
    own.refuse(true).await.unwrap();
    own.cut().await;
    until(&told, misses_both).await;
    assert!(!has_ended(&told), "its standby is dead");
    own.refuse(false).await.unwrap();
    standby.restart().await.unwrap();
    fleet.clusters[0].resume_replay(0).await.unwrap();
    readers.lead_to(standby.port());
    readers.cut().await;
    assert_done(&run.await.unwrap(), &told);
    assert!(fleet.has(standby, 0, "two").await);

    // A run that finds it so from the start, and the next one, whose journal has the primary by the readers' name.
    fleet.files.push(THREE);
    standby.kill();
    readers.lead_to(primary.port());
    readers.cut().await;
    own.refuse(true).await.unwrap();
    own.cut().await;
    for _ in 0..2 {
        let control = greylag_orchestrator::Control::new();
        let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
        until(&told, misses_its_standby).await;
        control.interrupt();
        run.await.unwrap();
        assert!(!has_ended(&told), "{told:#?}");
    }
    assert!(!fleet.has(primary, 0, "three").await, "it held");
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, misses_its_standby).await;
    own.refuse(false).await.unwrap();
    standby.restart().await.unwrap();
    readers.lead_to(standby.port());
    readers.cut().await;
    assert_done(&run.await.unwrap(), &told);
    assert!(fleet.has(standby, 0, "three").await, "{}", name(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_missed_though_its_primary_is_reached_by_the_readers_name() {
    is_missed_by_whatever_name(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_mysql_is_missed_though_its_primary_is_reached_by_the_readers_name() {
    is_missed_by_whatever_name(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_mariadb_is_missed_though_its_primary_is_reached_by_the_readers_name() {
    is_missed_by_whatever_name(Engine::MariaDb).await;
}
