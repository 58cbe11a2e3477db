//! Primaries that are too busy, and slots that keep too much: the rollout holds with the figure and the limit, and goes on.

use crate::fleet::{Replicated, until};
use greylag_core::{
    event::Event,
    gate::{LoadKind, SlotLimit, WaitReason},
};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::apply::{Options, Verdict};
use std::time::{Duration, Instant};

/// The run holds for a reason, touches nothing while it does, and is done once `free` has been carried out.
pub async fn holds_until(
    fleet: &Replicated,
    wanted: impl Fn(&WaitReason) -> bool,
    free: impl AsyncFnOnce(),
) {
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::Held { reasons } if !reasons.is_empty() && reasons.iter().all(&wanted))
    })
    .await;
    for (at, cluster) in fleet.clusters.iter().enumerate() {
        assert!(!fleet.has(cluster.primary(), at, "one").await);
    }
    free().await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}

pub async fn started(engine: Engine, shards: usize) -> Option<Replicated> {
    let mut fleet = Replicated::start(engine, shards, 1).await?;
    fleet.settings.poll = Duration::from_millis(200);
    Some(fleet)
}

/// A session that is at work until it is ended.
async fn works(server: &Server, database: &str) {
    let sql = match server.engine() {
        Engine::Postgres => "SELECT pg_sleep(600)",
        _ => "SELECT SLEEP(600)",
    };
    let _ = server.execute(database, sql).await;
}

/// Whoever is at work so: how many.
async fn at_work(server: &Server) -> String {
    let sql = match server.engine() {
        Engine::Postgres => {
            "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)' AND state = 'active'"
        }
        _ => "SELECT count(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(600)'",
    };
    let database = match server.engine() {
        Engine::Postgres => "postgres",
        _ => "mysql",
    };
    server.value(database, sql).await.unwrap().unwrap()
}

async fn are_at_work(server: &Server, count: &str) {
    let deadline = Instant::now() + greylag_lab::patience();
    while at_work(server).await != count {
        assert!(Instant::now() < deadline, "they never were");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn end_work(server: &Server) {
    match server.engine() {
        Engine::Postgres => {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'";
            server.execute("postgres", sql).await.unwrap();
        }
        _ => {
            let sql = "SELECT id FROM information_schema.processlist WHERE info = 'SELECT SLEEP(600)' LIMIT 1";
            while let Some(id) = server.value("mysql", sql).await.unwrap() {
                // It may be gone by itself meanwhile.
                let _ = server.execute("mysql", &format!("KILL {id}")).await;
            }
        }
    }
}

async fn too_many_at_work(engine: Engine) {
    if let Some(fleet) = started(engine, 1).await {
        too_many_are_at_work(fleet).await;
    }
}

/// Two sessions of somebody's are at work on the first shard's primary, where one is the limit.
pub async fn too_many_are_at_work(mut fleet: Replicated) {
    fleet.settings.limits.active = Some(1);
    let primary = fleet.clusters[0].primary();
    let database = &fleet.databases[0].name;
    let body = async {
        are_at_work(primary, "2").await;
        let wanted = |reason: &WaitReason| {
            matches!(reason, WaitReason::Load { place, what: LoadKind::Active, figure, limit: 1 }
                if place == "s1/primary" && *figure >= 2)
        };
        holds_until(&fleet, wanted, async || end_work(primary).await).await;
    };
    tokio::join!(works(primary, database), works(primary, database), body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_at_work_on_a_primary_hold_the_rollout() {
    too_many_at_work(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_at_work_on_mysqls_primary_hold_the_rollout() {
    too_many_at_work(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_at_work_on_mariadbs_primary_hold_the_rollout() {
    too_many_at_work(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_on_one_host_are_counted_together() {
    let Some(mut fleet) = started(Engine::Postgres, 2).await else {
        return;
    };
    fleet.one_host = true;
    fleet.settings.limits.active_per_host = Some(1);
    let (one, two) = (fleet.clusters[0].primary(), fleet.clusters[1].primary());
    let body = async {
        are_at_work(one, "1").await;
        are_at_work(two, "1").await;
        let wanted = |reason: &WaitReason| {
            matches!(reason, WaitReason::Load { place, what: LoadKind::ActiveOnHost, figure: 2, limit: 1 }
                if place == "h0")
        };
        holds_until(&fleet, wanted, async || end_work(two).await).await;
        end_work(one).await;
    };
    tokio::join!(
        works(one, &fleet.databases[0].name),
        works(two, &fleet.databases[1].name),
        body
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_waits_for_a_lock_holds_the_rollout() {
    let Some(mut fleet) = started(Engine::Postgres, 1).await else {
        return;
    };
    fleet.settings.limits.lock_waiters = Some(0);
    let primary = fleet.clusters[0].primary();
    let database = fleet.databases[0].name.clone();
    let connect = async || {
        let url = primary.superuser_url(&database);
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    };
    let (holds, waits) = (connect().await, connect().await);
    let take = "SELECT pg_advisory_lock(4711)";
    holds.batch_execute(take).await.unwrap();
    let body = async {
        let wanted = |reason: &WaitReason| {
            matches!(reason, WaitReason::Load { place, what: LoadKind::LockWaiters, figure: 1, limit: 0 }
                if place == "s1/primary")
        };
        let free = async || {
            let free = "SELECT pg_advisory_unlock(4711)";
            holds.batch_execute(free).await.unwrap();
        };
        holds_until(&fleet, wanted, free).await;
    };
    let (waited, ()) = tokio::join!(waits.batch_execute(take), body);
    waited.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_a_slot_that_is_behind_holds_the_rollout() {
    let Some(mut fleet) = started(Engine::Postgres, 1).await else {
        return;
    };
    fleet.settings.limits.slot_lag = Some(100_000);
    let primary = fleet.clusters[0].primary();
    let database = &fleet.databases[0].name;
    let slot = "SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')";
    primary.execute(database, slot).await.unwrap();
    let much = "CREATE TABLE much AS SELECT repeat('x', 1000) AS x FROM generate_series(1, 1000); DROP TABLE much";
    primary.execute(database, much).await.unwrap();
    let wanted = |reason: &WaitReason| {
        matches!(reason, WaitReason::Slot { node, slot, what: SlotLimit::Lag, bytes, limit: 100_000 }
            if node.to_string() == "s1/primary" && slot == "cdc" && *bytes > 100_000)
    };
    let read = "SELECT pg_replication_slot_advance('cdc', pg_current_wal_lsn())";
    holds_until(&fleet, wanted, async || {
        primary.execute(database, read).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_keeps_too_much_holds_the_rollout() {
    let Some(mut fleet) = started(Engine::Postgres, 1).await else {
        return;
    };
    fleet.settings.limits.slot_retained = Some(3_000_000);
    let primary = fleet.clusters[0].primary();
    let database = &fleet.databases[0].name;
    let slot = "SELECT pg_create_physical_replication_slot('left_behind', true)";
    primary.execute(database, slot).await.unwrap();
    for _ in 0..5 {
        // The lab's segments are of 1 MB, and the next one begins without its being written.
        let next = "SELECT pg_logical_emit_message(true, 'x', 'x'); SELECT pg_switch_wal()";
        primary.execute(database, next).await.unwrap();
    }
    let wanted = |reason: &WaitReason| {
        matches!(reason, WaitReason::Slot { slot, what: SlotLimit::Retained, bytes, .. }
            if slot == "left_behind" && *bytes > 3_000_000)
    };
    holds_until(&fleet, wanted, async || {
        let drop = "SELECT pg_drop_replication_slot('left_behind')";
        primary.execute(database, drop).await.unwrap();
    })
    .await;
}
