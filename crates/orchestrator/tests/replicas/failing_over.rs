//! A primary is promoted away: in the middle of a rollout, and between two.

use crate::fleet::{READ_ONE, Replicated, ended, name, replaying, session, until};
use greylag_core::{event::Event, gate::WaitReason, identity::Refusal};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::{
    apply::{Options, Verdict},
    survey::survey_fleet,
    watch::Blind,
};

/// How the old primary ends.
#[derive(Clone, Copy)]
pub enum Old {
    Dies,
    /// It lives, and accepts no writes any more.
    IsFenced,
}

const FENCE_POSTGRES: &str = "ALTER SYSTEM SET default_transaction_read_only = on";
pub const TWO: (&str, &str) = ("V2__two.sql", "CREATE TABLE two (id int PRIMARY KEY);");

/// How often the server's history has a version.
pub async fn times(fleet: &Replicated, server: &Server, at: usize, version: &str) -> String {
    let sql = format!("SELECT count(*) FROM greylag_schema_history WHERE version = '{version}'");
    let found = server.value(&fleet.databases[at].name, &sql).await.unwrap();
    found.unwrap()
}

pub async fn end_old(fleet: &Replicated, at: usize, engine: Engine, old: Old) {
    let primary = fleet.clusters[at].primary();
    match (old, engine) {
        (Old::Dies, _) => primary.kill(),
        (Old::IsFenced, Engine::Postgres) => {
            let database = &fleet.databases[at].name;
            primary.execute(database, FENCE_POSTGRES).await.unwrap();
            let reload = "SELECT pg_reload_conf()";
            primary.execute(database, reload).await.unwrap();
        }
        (Old::IsFenced, _) => {
            let fence = "SET GLOBAL read_only = ON";
            let database = &fleet.databases[at].name;
            primary.execute(database, fence).await.unwrap();
        }
    }
}

pub fn told_move(event: &Event, at: usize, fleet: &Replicated) -> bool {
    let ends = |text: &str, server: &Server| text.ends_with(&format!(":{}", server.port()));
    matches!(event, Event::PrimaryMoved { shard, from, to } if *shard == name(at)
        && ends(from, fleet.clusters[at].primary()) && ends(to, fleet.clusters[at].replica(0)))
}

/// Two rollouts over three shards; during the second the primary of the second shard is promoted away, before its turn.
async fn goes_on_where_the_primary_is_now(engine: Engine, old: Old) {
    if let Some(fleet) = Replicated::start(engine, 3, 1).await {
        goes_on_with(fleet, engine, old).await;
    }
}

/// The same, where each URL names the shard's two hosts.
async fn goes_on_at_the_other_host(engine: Engine) {
    if let Some(mut fleet) = Replicated::start(engine, 3, 1).await {
        fleet.several_hosts = true;
        goes_on_with(fleet, engine, Old::Dies).await;
    }
}

async fn goes_on_with(mut fleet: Replicated, engine: Engine, old: Old) {
    fleet.done().await;

    fleet.files.push(TWO);
    fleet.clusters[0].pause_replay(0).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, replaying(0)).await;
    end_old(&fleet, 1, engine, old).await;
    let heir = fleet.clusters[1].replica(0);
    heir.promote().await.unwrap();
    until(&told, |event| told_move(event, 1, &fleet)).await;
    fleet.clusters[0].resume_replay(0).await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");

    assert_eq!(times(&fleet, heir, 1, "2").await, "1");
    assert!(fleet.has(heir, 1, "two").await);
    assert!(fleet.has(fleet.clusters[2].replica(0), 2, "two").await);
    if let Old::IsFenced = old {
        let old = fleet.clusters[1].primary();
        assert!(!fleet.has(old, 1, "two").await, "the old node was written");
    }
    let told = told.lock().unwrap();
    let moves = told.iter().filter(|(_, event)| told_move(event, 1, &fleet));
    assert_eq!(moves.count(), 1, "said once");
    let lost = |event: &Event| matches!(event, Event::MigrationsLost { .. });
    assert!(
        !told.iter().any(|(_, event)| lost(event)),
        "nothing was lost"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_finds_the_promoted_standby_of_a_dead_primary_and_finishes() {
    goes_on_where_the_primary_is_now(Engine::Postgres, Old::Dies).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_leaves_an_old_primary_alone_that_accepts_no_writes_any_more() {
    goes_on_where_the_primary_is_now(Engine::Postgres, Old::IsFenced).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_finds_the_promoted_replica_of_mysql_and_finishes() {
    goes_on_where_the_primary_is_now(Engine::MySql, Old::Dies).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_finds_the_promoted_replica_of_mariadb_and_finishes() {
    goes_on_where_the_primary_is_now(Engine::MariaDb, Old::IsFenced).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_goes_on_at_the_other_host_of_a_url_of_mysql() {
    goes_on_at_the_other_host(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_goes_on_at_the_other_host_of_a_url_of_mariadb() {
    goes_on_at_the_other_host(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_primaries_of_one_shard_hold_the_rollout_and_neither_is_written() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    fleet.done().await;

    fleet.files.push(TWO);
    fleet.clusters[0].pause_replay(0).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, replaying(0)).await;
    // Nobody stops the old one.
    let heir = fleet.clusters[1].replica(0);
    heir.promote().await.unwrap();
    until(&told, |event| {
        matches!(event, Event::Held { reasons } if reasons.iter().any(|reason| matches!(reason,
            WaitReason::ReplicaUnseen { node, why, .. }
            if node.shard == name(1) && why.contains("has two primaries"))))
    })
    .await;
    fleet.clusters[0].resume_replay(0).await.unwrap();
    until(&told, ended(0)).await;
    let old = fleet.clusters[1].primary();
    assert!(!fleet.has(old, 1, "two").await && !fleet.has(heir, 1, "two").await);
    // A person decides: the rollout goes on by itself.
    old.kill();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(times(&fleet, heir, 1, "2").await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_between_two_runs_is_found_and_an_old_primary_that_comes_back_is_refused() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    fleet.done().await;
    let (old, heir) = (fleet.clusters[1].primary(), fleet.clusters[1].replica(0));
    old.kill();
    heir.promote().await.unwrap();

    fleet.files.push(TWO);
    let (run, told) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    until(&told, |event| told_move(event, 1, &fleet)).await;
    assert_eq!(times(&fleet, heir, 1, "2").await, "1");

    // The project still names the old one, and it accepts writes again.
    old.restart().await.unwrap();
    let surveyed = survey_fleet(&fleet.setup().await, None, &Blind)
        .await
        .unwrap();
    let refusals = &surveyed.get(&name(1)).unwrap().refusals;
    assert!(
        matches!(&refusals[..], [Refusal::TwoPrimaries { .. }]),
        "{refusals:?}"
    );
    // Alone it is no better: it lacks what the other has.
    heir.kill();
    let surveyed = survey_fleet(&fleet.setup().await, None, &Blind)
        .await
        .unwrap();
    let refusals = &surveyed.get(&name(1)).unwrap().refusals;
    assert!(
        matches!(&refusals[..], [Refusal::Deposed { .. }]),
        "{refusals:?}"
    );
    assert!(!fleet.has(old, 1, "two").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_dies_under_its_migration_is_waited_for_and_the_work_is_done_on_its_heir() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.done().await;
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    let url = old.url(&fleet.databases[0].name);
    // Committed, so that the heir has it; what is in the way is the lock.
    let _reader = session(&url, READ_ONE).await;
    fleet
        .files
        .push(("V2__two.sql", "ALTER TABLE one ADD COLUMN two int;"));
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..], [WaitReason::Lock { .. }]))
    })
    .await;
    old.kill();
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..],
            [WaitReason::NoPrimary { servers, .. }] if servers.iter().any(|one| one.ends_with("is a replica"))))
    })
    .await;
    heir.promote().await.unwrap();
    until(&told, |event| told_move(event, 0, &fleet)).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(times(&fleet, heir, 0, "2").await, "1");
}
