//! What is wrong with nodes though they don't lag: what holds a rollout before it touches anything, and what it only tells.

use crate::{
    fleet::{Replicated, Told, replaying, until},
    subscriber::{ONE, Pair},
};
use greylag_core::{event::Event, gate::WaitReason};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::apply::{Options, Verdict};
use std::time::{Duration, Instant};

/// The node and the kind of finding that a hold is for.
fn troubles(event: &Event) -> Vec<(String, String)> {
    let Event::Held { reasons } = event else {
        return Vec::new();
    };
    let trouble = |reason: &WaitReason| match reason {
        WaitReason::ReplicaTrouble { node, finding } => {
            Some((node.to_string(), finding.kind.clone()))
        }
        _ => None,
    };
    reasons.iter().filter_map(trouble).collect()
}

fn held_by(node: &'static str, kind: &'static str) -> impl Fn(&Event) -> bool {
    move |event| troubles(event).contains(&(node.to_owned(), kind.to_owned()))
}

fn was_touched(told: &Told) -> bool {
    let told = told.lock().unwrap();
    told.iter()
        .any(|(_, event)| matches!(event, Event::ShardStarted { .. }))
}

async fn run_on(server: &Server, database: &str, sql: &str) {
    server.execute(database, sql).await.unwrap();
}

async fn holds_before_it_touches_anything(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 2, 1).await else {
        return;
    };
    fleet.files = vec![("V1__one.sql", "CREATE TABLE one (id int PRIMARY KEY);")];
    let hurt = &fleet.clusters[1];
    let database = fleet.databases[1].name.clone();
    let primary = hurt.primary();
    run_on(
        primary,
        &database,
        "CREATE TABLE earlier (id int PRIMARY KEY)",
    )
    .await;
    // The shard has a table already.
    fleet.claim = Some(1);
    hurt.wait_replayed().await.unwrap();
    let (writable, start, stopped) = match engine {
        Engine::MySql => (
            "SET GLOBAL super_read_only = OFF",
            "START REPLICA SQL_THREAD",
            "SHOW REPLICA STATUS",
        ),
        _ => (
            "SET GLOBAL read_only = OFF",
            "START SLAVE SQL_THREAD",
            "SHOW SLAVE STATUS",
        ),
    };
    let replica = hurt.replica(0);
    run_on(replica, &database, writable).await;
    run_on(
        replica,
        &database,
        "SET sql_log_bin = 0; INSERT INTO earlier VALUES (7)",
    )
    .await;
    run_on(primary, &database, "INSERT INTO earlier VALUES (7)").await;
    let deadline = Instant::now() + greylag_lab::patience();
    loop {
        let rows = replica.rows("", stopped).await.unwrap();
        let status = rows.into_iter().next().unwrap();
        if status
            .iter()
            .any(|(name, value)| name == "Last_SQL_Errno" && value.as_deref() == Some("1062"))
        {
            break;
        }
        assert!(Instant::now() < deadline, "it goes on: {status:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    let (run, told) = fleet.run(Options::default()).await;
    until(&told, held_by("s2/replica-1", "applier-stopped")).await;
    assert!(!was_touched(&told), "{:#?}", told.lock().unwrap());
    run_on(
        replica,
        &database,
        "SET sql_log_bin = 0; DELETE FROM earlier WHERE id = 7",
    )
    .await;
    run_on(replica, &database, start).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mysql_replica_that_stopped_at_a_row_holds_before_anything_is_touched() {
    holds_before_it_touches_anything(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_replica_that_stopped_at_a_row_holds_before_anything_is_touched() {
    holds_before_it_touches_anything(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_fails_to_apply_holds_steadily_until_it_is_past_it() {
    let Some(mut pair) = Pair::start("TABLE one", ONE).await else {
        return;
    };
    pair.fleet.files = vec![("V1__two.sql", "ALTER TABLE one ADD COLUMN two int;")];
    pair.fleet.settings.poll = Duration::from_millis(50);
    // It is tried again and again, so that looks meet the worker now running, now gone.
    pair.subscribe("ALTER SYSTEM SET wal_retrieve_retry_interval = '100ms'")
        .await;
    pair.subscribe("SELECT pg_reload_conf()").await;
    pair.publish("ALTER TABLE one ADD late int; INSERT INTO one VALUES (1, 1)")
        .await;
    let failed =
        |times: u32| format!("SELECT apply_error_count >= {times} FROM pg_stat_subscription_stats");
    pair.until(&failed(2), "t").await;

    let (run, told) = pair.fleet.run(Options::default()).await;
    until(&told, held_by("s1/mirror", "apply-error")).await;
    let tried = pair
        .here("SELECT apply_error_count FROM pg_stat_subscription_stats")
        .await;
    let tried: u32 = tried.unwrap().parse().unwrap();
    pair.until(&failed(tried + 20), "t").await;
    assert!(!was_touched(&told));
    // From its first hold on it held, whatever the worker did. (What can't be looked at in time holds, too.)
    let is_error = |event: &Event| held_by("s1/mirror", "apply-error")(event);
    let is_unseen = |event: &Event| {
        matches!(event, Event::Held { reasons }
        if matches!(reasons[..], [WaitReason::ReplicaUnseen { .. }, ..]))
    };
    let holds: Vec<Event> = (told.lock().unwrap().iter())
        .filter(|(_, event)| matches!(event, Event::Held { .. }))
        .map(|(_, event)| event.clone())
        .skip_while(|event| !is_error(event))
        .collect();
    let steady = |event: &Event| is_error(event) || is_unseen(event);
    assert!(holds.iter().all(steady), "{holds:#?}");
    pair.subscribe("ALTER TABLE one ADD late int").await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    pair.until("SELECT count(late) FROM one", "1").await;
}

/// Somebody reads on a standby what is changed on its primary, and is cancelled for it.
async fn cancel_a_reader(fleet: &Replicated, table: &str) {
    let counted =
        "SELECT confl_lock FROM pg_stat_database_conflicts WHERE datname = current_database()";
    let (cluster, database) = (&fleet.clusters[0], &*fleet.databases[0].name);
    let (primary, standby) = (cluster.primary(), cluster.replica(0));
    run_on(primary, database, &format!("CREATE TABLE {table} (x int)")).await;
    standby.wait_replayed(primary).await.unwrap();
    let before = standby.value(database, counted).await.unwrap();
    let query = format!("SELECT count(*), pg_sleep(3600) FROM {table}");
    let reading = standby.execute(database, &query);
    let altering = async {
        let locked = format!("SELECT count(*) FROM pg_locks WHERE relation = '{table}'::regclass");
        let deadline = Instant::now() + greylag_lab::patience();
        while standby.value(database, &locked).await.unwrap().as_deref() == Some("0") {
            assert!(Instant::now() < deadline, "nobody reads");
        }
        run_on(primary, database, &format!("ALTER TABLE {table} ADD y int")).await;
    };
    let (read, ()) = tokio::join!(reading, altering);
    let cancelled = read.unwrap_err().to_string();
    assert!(cancelled.contains("conflict with recovery"), "{cancelled}");
    // It is counted when the reader's session has gone.
    let deadline = Instant::now() + greylag_lab::patience();
    while standby.value(database, counted).await.unwrap() == before {
        assert!(Instant::now() < deadline, "it is not counted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_that_replay_cancels_during_a_rollout_are_told_once() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 2).await else {
        return;
    };
    fleet.settings.poll = Duration::from_millis(50);
    let standby = fleet.clusters[0].replica(0);
    for sql in [
        "ALTER SYSTEM SET max_standby_streaming_delay = '50ms'",
        "SELECT pg_reload_conf()",
    ] {
        run_on(standby, "postgres", sql).await;
    }
    // What was cancelled before is no news.
    cancel_a_reader(&fleet, "before").await;
    fleet.claim = Some(1);
    fleet.clusters[0].wait_replayed().await.unwrap();
    fleet.clusters[0].pause_replay(1).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    // The other replica keeps it at work, and its nodes are looked at.
    let waits = |event: &Event| matches!(event, Event::Held { .. }) || replaying(0)(event);
    until(&told, waits).await;
    let warned = || {
        let warnings = fleet.warnings.lock().unwrap();
        let of_conflicts = warnings
            .iter()
            .filter(|text| text.contains("cancelled queries"));
        of_conflicts.cloned().collect::<Vec<_>>()
    };
    assert_eq!(warned(), [""; 0]);
    cancel_a_reader(&fleet, "first").await;
    let deadline = Instant::now() + greylag_lab::patience();
    while warned().is_empty() {
        assert!(Instant::now() < deadline, "it is not told");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cancel_a_reader(&fleet, "second").await;
    fleet.clusters[0].resume_replay(1).await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(
        warned(),
        [
            "s1/replica-1: replay cancelled queries there: 1 by lock; raise max_standby_streaming_delay, or run long queries elsewhere"
        ]
    );
}
