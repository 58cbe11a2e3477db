//! A primary that was promoted away from is trusted again once it is seen to follow, and not before.

use crate::fleet::{Replicated, name, until};
use greylag_core::{event::Event, identity::Refusal};
use greylag_lab::Engine;
use greylag_orchestrator::{
    apply::{Options, Verdict},
    survey::survey_fleet,
    watch::Blind,
};
use std::time::{Duration, Instant};

/// Nobody listens there.
const NOWHERE: u16 = 1;

const TWO: (&str, &str) = ("V2__two.sql", "CREATE TABLE two (id int PRIMARY KEY);");
const THREE: (&str, &str) = ("V3__three.sql", "CREATE TABLE three (id int PRIMARY KEY);");

/// What the only shard is refused for, as a verb sees it that begins now.
async fn refusals(fleet: &Replicated) -> Vec<Refusal> {
    let setup = fleet.setup().await;
    let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
    surveyed.get(&name(0)).unwrap().refusals.clone()
}

async fn assert_deposed(fleet: &Replicated) {
    let refusals = refusals(fleet).await;
    assert!(
        matches!(&refusals[..], [Refusal::Deposed { .. }]),
        "{refusals:?}"
    );
}

/// A shard that was failed over, and has had a rollout since.
async fn failed_over() -> Option<Replicated> {
    let mut fleet = Replicated::start(Engine::Postgres, 1, 1).await?;
    fleet.done().await;
    fleet.clusters[0].primary().kill();
    fleet.clusters[0].replica(0).promote().await.unwrap();
    fleet.files.push(TWO);
    fleet.done().await;
    Some(fleet)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_primary_in_recovery_that_follows_nobody_is_not_trusted_when_it_is_promoted() {
    let Some(mut fleet) = failed_over().await else {
        return;
    };
    let old = || fleet.clusters[0].primary();
    old().rejoin(NOWHERE, "old").await.unwrap();
    let files = &mut fleet.files;
    files.push(THREE);
    fleet.done().await;
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    assert!(fleet.has(heir, 0, "three").await);
    old.promote().await.unwrap();
    heir.kill();
    assert_deposed(&fleet).await;
    assert!(!fleet.has(old, 0, "two").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_only_went_into_recovery_has_not_handed_back() {
    let Some(fleet) = failed_over().await else {
        return;
    };
    let (old, heir) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    heir.rejoin(NOWHERE, "heir").await.unwrap();
    old.restart().await.unwrap();
    assert_deposed(&fleet).await;
    assert!(!fleet.has(old, 0, "two").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_may_be_switched_over_and_back() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.done().await;
    let database = fleet.databases[0].name.clone();
    for (file, table, back) in [(TWO, "two", false), (THREE, "three", true)] {
        let (one, other) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
        let (from, to) = match back {
            false => (one, other),
            true => (other, one),
        };
        from.stop_fast().await;
        to.promote().await.unwrap();
        from.rejoin(to.port(), "switched").await.unwrap();
        from.wait_streaming().await.unwrap();
        // It follows once it has got something of the new timeline.
        to.execute(&database, "SELECT pg_switch_wal()")
            .await
            .unwrap();
        from.wait_replayed(to).await.unwrap();
        fleet.files.push(file);
        let (run, told) = fleet.run(Options::default()).await;
        let summary = run.await.unwrap();
        assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
        let (one, other) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
        let to = if back { one } else { other };
        assert!(fleet.has(to, 0, table).await);
        until(&told, |event| {
            matches!(event, Event::PrimaryMoved { to: there, .. } if there.ends_with(&format!(":{}", to.port())))
        })
        .await;
        let deadline = Instant::now() + Duration::from_secs(60);
        while !fleet.has(if back { other } else { one }, 0, table).await {
            assert!(Instant::now() < deadline, "not replayed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert_eq!(refusals(&fleet).await, []);
}
