//! A failover that takes transactions with it: what the new primary lacks is told, and run again there.

use crate::fleet::{Replicated, Told, ended, name, replaying, session, started, until};
use greylag_core::{event::Event, gate::WaitReason, migration::MigrationId, node::NodePolicy};
use greylag_lab::{Engine, Proxy, Server};
use greylag_orchestrator::apply::{Options, Verdict};

const TWO: (&str, &str) = (
    "V2__two.sql",
    "CREATE TABLE two (id int PRIMARY KEY); INSERT INTO two VALUES (1);",
);

/// Its settings go to the server before any of its statements, and are told by the odd figure.
const TWO_BY_STEPS: (&str, &str) = (
    "V2__two.sql",
    "-- greylag:transaction off\n-- greylag:lock-timeout 777ms\nCREATE TABLE two (id int PRIMARY KEY); INSERT INTO two VALUES (1);",
);

/// A stage of its own.
const THREE: (&str, &str) = (
    "R__three.sql",
    "ALTER TABLE one ADD COLUMN IF NOT EXISTS three int;",
);

fn lost(event: &Event, at: usize) -> bool {
    let two = || "V2".parse::<MigrationId>().unwrap();
    matches!(event, Event::MigrationsLost { shard, migrations, .. }
        if *shard == name(at) && *migrations == [two()])
}

fn assert_told_once(told: &Told, at: usize) {
    let told = told.lock().unwrap();
    let times = told.iter().filter(|(_, event)| lost(event, at)).count();
    assert_eq!(times, 1, "{told:#?}");
}

async fn assert_once(fleet: &Replicated, server: &Server, at: usize) {
    let database = &fleet.databases[at].name;
    for sql in [
        "SELECT count(*) FROM two",
        "SELECT count(*) FROM greylag_schema_history WHERE version = '2'",
    ] {
        let found = server.value(database, sql).await.unwrap();
        assert_eq!(found.as_deref(), Some("1"), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_awaited_on_the_heir_and_never_reached_it_is_run_again_there() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    fleet.done().await;
    let (old, heir) = (fleet.clusters[1].primary(), fleet.clusters[1].replica(0));
    // Cut off, it lags; the limit must not hold the shard back before it is written.
    fleet.settings.limits.max_lag = std::time::Duration::from_secs(3600);
    fleet.clusters[1].cut_off(0).await.unwrap();

    fleet.files.push(TWO);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, replaying(1)).await;
    assert!(fleet.has(old, 1, "two").await && !fleet.has(heir, 1, "two").await);
    old.kill();
    heir.promote().await.unwrap();
    until(&told, |event| lost(event, 1)).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_once(&fleet, heir, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_was_done_is_run_again_when_a_failover_loses_its_migration() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    // The first run waits for its replicas, and so knows them; of those that are only observed it may end before it has seen any,
    // and a server that nobody knew as a replica is no heir.
    fleet.done().await;
    fleet.watched = NodePolicy::Observe;
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    fleet.clusters[0].cut_off(0).await.unwrap();

    fleet.files.push(TWO);
    // Somebody holds what the second shard needs, until the first has failed over.
    let blocker = fleet.clusters[1].primary();
    let url = blocker.url(&fleet.databases[1].name);
    // It may be read: the fleet is looked at as ever.
    let client = session(
        &url,
        "BEGIN; LOCK TABLE greylag_schema_history IN SHARE MODE",
    )
    .await;
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, ended(0)).await;
    until(&told, started(1)).await;
    assert!(fleet.has(old, 0, "two").await && !fleet.has(heir, 0, "two").await);
    old.kill();
    heir.promote().await.unwrap();
    until(&told, |event| lost(event, 0)).await;
    client.batch_execute("COMMIT").await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_once(&fleet, heir, 0).await;
    assert_once(&fleet, blocker, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_lost_between_two_runs_of_one_rollout_is_run_again() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    fleet.done().await;
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    fleet.settings.limits.max_lag = std::time::Duration::from_secs(3600);
    fleet.settings.timeout = std::time::Duration::from_millis(300);
    fleet.clusters[0].cut_off(0).await.unwrap();

    fleet.files.push(TWO);
    let no_wait = Options {
        until: Some(std::time::Instant::now()),
        ..Options::default()
    };
    let (run, _) = fleet.run(no_wait).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Waiting, "{summary:#?}");
    old.kill();
    heir.promote().await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    until(&told, |event| lost(event, 0)).await;
    assert_once(&fleet, heir, 0).await;
}

/// Of a shard with a row in it: whoever sleeps over that row is in the way of the change.
const COLUMN: (&str, &str) = ("V2__two.sql", "ALTER TABLE one ADD COLUMN two int;");
const SLEEPER: &str = "SELECT SLEEP(600) FROM one";

async fn said(fleet: &Replicated, server: &Server, at: usize, sql: &str) -> Option<String> {
    let database = &fleet.databases[at].name;
    server.value(database, sql).await.unwrap()
}

async fn columns(fleet: &Replicated, server: &Server, at: usize) -> Option<String> {
    let sql = "SELECT count(*) FROM information_schema.columns \
               WHERE table_schema = database() AND table_name = 'one' AND column_name = 'two'";
    said(fleet, server, at, sql).await
}

/// The connection that sleeps, once it does.
async fn sleeper(fleet: &Replicated, at: usize) -> String {
    let sql =
        format!("SELECT min(id) FROM information_schema.processlist WHERE info = '{SLEEPER}'");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        if let Some(id) = said(fleet, fleet.clusters[at].primary(), at, &sql).await {
            return id;
        }
        assert!(std::time::Instant::now() < deadline, "nobody sleeps");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A replica that received nothing any more is promoted after its primary died with a migration that was done.
async fn what_a_replica_never_received_is_run_again_there(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 2, 1).await else {
        return;
    };
    // Waited for, it is seen to follow: nobody has to accept it later.
    fleet.done().await;
    fleet.watched = NodePolicy::Observe;
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    fleet.clusters[0].cut_off(0).await.unwrap();

    fleet.files.push(COLUMN);
    let other = fleet.clusters[1].primary();
    let database = &fleet.databases[1].name;
    other
        .execute(database, "INSERT INTO one VALUES (1)")
        .await
        .unwrap();
    // Somebody reads what the second shard changes, until the first has failed over.
    let sleeps = async { other.value(database, SLEEPER).await };
    let story = async {
        let id = sleeper(&fleet, 1).await;
        let (run, told) = fleet.run(Options::default()).await;
        until(&told, ended(0)).await;
        until(&told, started(1)).await;
        assert_eq!(columns(&fleet, old, 0).await.as_deref(), Some("1"));
        assert_eq!(columns(&fleet, heir, 0).await.as_deref(), Some("0"));
        old.kill();
        heir.promote().await.unwrap();
        until(&told, |event| lost(event, 0)).await;
        other
            .execute(database, &format!("KILL {id}"))
            .await
            .unwrap();
        run.await.unwrap()
    };
    let (summary, _) = tokio::join!(story, sleeps);
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let history = "SELECT count(*) FROM greylag_schema_history WHERE version = '2'";
    for (at, server) in [(0, heir), (1, other)] {
        assert_eq!(columns(&fleet, server, at).await.as_deref(), Some("1"));
        let found = said(&fleet, server, at, history).await;
        assert_eq!(found.as_deref(), Some("1"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_replica_of_mysql_never_received_is_run_again_there() {
    what_a_replica_never_received_is_run_again_there(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_replica_of_mariadb_never_received_is_run_again_there() {
    what_a_replica_never_received_is_run_again_there(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_stage_put_there_and_an_idle_shard_loses_is_run_again_before_the_next() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    fleet.watched = NodePolicy::Observe;
    fleet.done().await;
    let database = fleet.databases[1].name.clone();
    let (old, heir) = (fleet.clusters[1].primary(), fleet.clusters[1].replica(0));
    fleet.clusters[1].cut_off(0).await.unwrap();

    fleet.files.extend([TWO, THREE]);
    let client = fleet.read_one(0).await;
    let (run, told) = fleet.run(Options::default()).await;
    until(
        &told,
        |event| matches!(event, Event::ShardStarted { stage: 1, shard } if *shard == name(0)),
    )
    .await;
    assert!(fleet.has(old, 1, "two").await && !fleet.has(heir, 1, "two").await);
    old.kill();
    heir.promote().await.unwrap();
    until(&told, |event| lost(event, 1)).await;
    client.batch_execute("COMMIT").await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_once(&fleet, heir, 1).await;
    let sql = "SELECT string_agg(script, ' ' ORDER BY installed_rank) FROM greylag_schema_history WHERE script LIKE '%.sql'";
    let scripts = heir.value(&database, sql).await.unwrap();
    assert_eq!(
        scripts.as_deref(),
        Some("V1__one.sql V2__two.sql R__three.sql")
    );
    assert_told_once(&told, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_look_told_as_lost_is_not_told_again_when_the_connection_breaks_behind_it() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    let port = fleet.clusters[1].replica(0).port();
    let proxy = Proxy::start(port).await.unwrap();
    fleet.doors.insert((1, 0), proxy.port());
    fleet.done().await;
    let (old, heir) = (fleet.clusters[1].primary(), fleet.clusters[1].replica(0));
    fleet.clusters[1].cut_off(0).await.unwrap();

    // Nobody watches its nodes: the shard's own look is the first to find the loss.
    fleet.unlisted = true;
    fleet.files.extend([TWO_BY_STEPS, THREE]);
    let client = fleet.read_one(0).await;
    let (run, told) = fleet.run(Options::default()).await;
    until(
        &told,
        |event| matches!(event, Event::ShardStarted { stage: 1, shard } if *shard == name(0)),
    )
    .await;
    assert!(fleet.has(old, 1, "two").await && !fleet.has(heir, 1, "two").await);
    old.kill();
    heir.promote().await.unwrap();
    // After the look, and before anything of the file is sent.
    proxy.cut_before_client_sends(b"SET lock_timeout = 777");
    client.batch_execute("COMMIT").await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    proxy.wait_trapped(1).await;
    assert_once(&fleet, heir, 1).await;
    assert_told_once(&told, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_errand_applied_and_lost_is_told_and_run_again() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.done().await;
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    fleet.clusters[0].cut_off(0).await.unwrap();

    fleet.unlisted = true;
    fleet.files.push(TWO);
    fleet
        .files
        .push(("V3__three.sql", "ALTER TABLE one ADD COLUMN three int;"));
    let _client = fleet.read_one(0).await;
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..], [WaitReason::Lock { .. }]))
    })
    .await;
    assert!(fleet.has(old, 0, "two").await && !fleet.has(heir, 0, "two").await);
    old.kill();
    heir.promote().await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_once(&fleet, heir, 0).await;
    assert_told_once(&told, 0);
}
