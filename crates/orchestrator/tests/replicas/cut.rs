//! The line between a primary and its replica: cut, with an error on both ends, and gone dead without a word.

use crate::fleet::{Replicated, name, replaying, until};
use greylag_core::{event::Event, gate::WaitReason, node::Blame};
use greylag_lab::Engine;
use greylag_orchestrator::apply::{Options, Verdict};
use std::time::Duration;

/// While the line is broken, the rollout holds with whose doing that is, and touches nothing beyond; mended, it goes on.
async fn holds_over_a_broken_line(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 2, 1).await else {
        return;
    };
    fleet.settings.limits.max_lag = Duration::from_secs(1);
    fleet.settings.limits.resume_lag = Duration::from_millis(500);
    fleet.settings.poll = Duration::from_millis(200);
    let proxy = fleet.clusters[0].put_between(0).await.unwrap();
    fleet.done().await;
    // Behind the cut it is to lack nothing before the shard is written.
    fleet.clusters[0].still(0).await.unwrap();

    fleet
        .files
        .push(("V2__two.sql", "CREATE TABLE two (id int PRIMARY KEY);"));
    proxy.refuse(true).await.unwrap();
    proxy.cut().await;
    let disconnected = |blame: &Blame| match (blame, engine) {
        (Blame::Disconnected { error: Some(error) }, Engine::Postgres) => {
            error.contains("no WAL receiver runs")
        }
        // The server's own words.
        (Blame::Disconnected { error: Some(error) }, _) => error.contains("error 2003"),
        _ => false,
    };
    holds_and_goes_on(&fleet, "two", disconnected, async || {
        proxy.refuse(false).await.unwrap();
    })
    .await;

    fleet
        .files
        .push(("V3__three.sql", "CREATE TABLE three (id int PRIMARY KEY);"));
    proxy.stall(true);
    // Not its disk's doing, nor what it replays. Where nobody has looked for most of a minute, the server has found out by itself.
    let dead = |blame: &Blame| matches!(blame, Blame::Network | Blame::Disconnected { .. });
    holds_and_goes_on(&fleet, "three", dead, async || proxy.stall(false)).await;
}

/// While what was done to the line (or the replica) of the first shard lasts, the rollout holds for it once the shard is written.
pub async fn holds_and_goes_on(
    fleet: &Replicated,
    table: &str,
    wanted: impl Fn(&Blame) -> bool,
    mend: impl AsyncFnOnce(),
) {
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, replaying(0)).await;
    until(&told, |event| {
        matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::ReplicaLag { node, blame: Some(blame), .. }]
            if node.to_string() == "s1/replica-1" && wanted(blame)))
    })
    .await;
    let (cut, beyond) = (fleet.clusters[0].replica(0), fleet.clusters[1].primary());
    assert!(!fleet.has(cut, 0, table).await);
    assert!(!fleet.has(beyond, 1, table).await, "s2 was touched");

    mend().await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(fleet.has(cut, 0, table).await);
    assert!(fleet.has(beyond, 1, table).await);
    let told = told.lock().unwrap();
    let place = |what: &dyn Fn(&Event) -> bool| told.iter().position(|(_, event)| what(event));
    let freed = place(&|event| matches!(event, Event::Held { reasons } if reasons.is_empty()));
    let next =
        place(&|event| matches!(event, Event::ShardStarted { shard, .. } if *shard == name(1)));
    assert!(freed.unwrap() < next.unwrap(), "s2 began under the hold");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_whose_line_is_broken_holds_the_rollout_until_it_is_mended() {
    holds_over_a_broken_line(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mysql_replica_whose_line_is_broken_holds_the_rollout_until_it_is_mended() {
    holds_over_a_broken_line(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_replica_whose_line_is_broken_holds_the_rollout_until_it_is_mended() {
    holds_over_a_broken_line(Engine::MariaDb).await;
}
