//! Shards without replicas whose primaries have limits: the primary alone is watched, and holds the rollout.

use crate::{
    busy::{holds_until, too_many_are_at_work},
    fleet::Replicated,
};
use greylag_core::{
    gate::{SlotLimit, WaitReason},
    node::NodeRole,
};
use greylag_lab::Engine;
use greylag_orchestrator::replicas::look_at_nodes;
use std::time::Duration;

/// One shard that has no replica: the project says so, or says nothing.
async fn alone(engine: Engine, unlisted: bool) -> Option<Replicated> {
    let mut fleet = Replicated::start(engine, 1, 0).await?;
    fleet.settings.poll = Duration::from_millis(100);
    fleet.unlisted = unlisted;
    Some(fleet)
}

async fn a_slot_keeps_too_much(unlisted: bool) {
    let Some(mut fleet) = alone(Engine::Postgres, unlisted).await else {
        return;
    };
    let primary = fleet.clusters[0].primary();
    let database = &fleet.databases[0].name;
    let slot = "SELECT pg_create_physical_replication_slot('left_behind', true)";
    primary.execute(database, slot).await.unwrap();
    for _ in 0..5 {
        // The lab's segments are of 1 MB, and the next one begins without its being written.
        let next = "SELECT pg_logical_emit_message(true, 'x', 'x'); SELECT pg_switch_wal()";
        primary.execute(database, next).await.unwrap();
    }
    let reader = "SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')";
    primary.execute(database, reader).await.unwrap();
    assert_eq!(look_at_nodes(&fleet.setup().await, None).await, []);

    fleet.settings.limits.slot_retained = Some(3_000_000);
    let seen = look_at_nodes(&fleet.setup().await, None).await;
    let reader = seen.iter().find(|node| node.role == NodeRole::Downstream);
    assert_eq!(reader.expect("the page has it").name, "cdc", "{seen:#?}");
    let primary = fleet.clusters[0].primary();
    let database = &fleet.databases[0].name;
    let wanted = |reason: &WaitReason| {
        matches!(reason, WaitReason::Slot { slot, what: SlotLimit::Retained, bytes, limit: 3_000_000, .. }
            if slot == "left_behind" && *bytes > 3_000_000)
    };
    holds_until(&fleet, wanted, async || {
        let drop = "SELECT pg_drop_replication_slot('left_behind')";
        primary.execute(database, drop).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_keeps_too_much_holds_where_nothing_is_said_of_replicas() {
    a_slot_keeps_too_much(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_keeps_too_much_holds_where_there_are_said_to_be_none() {
    a_slot_keeps_too_much(false).await;
}

async fn is_too_busy(engine: Engine) {
    if let Some(fleet) = alone(engine, true).await {
        too_many_are_at_work(fleet).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_at_work_on_a_primary_without_replicas_hold() {
    is_too_busy(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_at_work_on_mysql_without_replicas_hold() {
    is_too_busy(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_at_work_on_mariadb_without_replicas_hold() {
    is_too_busy(Engine::MariaDb).await;
}
