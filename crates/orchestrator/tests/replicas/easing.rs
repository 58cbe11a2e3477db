//! A replica whose lag comes down, but not as far as to where a rollout goes on: the hold stays.

use crate::{
    fleet::{Replicated, session, started, until},
    holding::until_after,
};
use greylag_core::{event::Event, gate::WaitReason, node::Blame};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::apply::{Options, Verdict};
use std::time::{Duration, Instant};

/// So long that what is behind by less is looked at in time, however busy the machine.
const LIMIT: Duration = Duration::from_secs(10);

/// Waits until whoever watches a server has looked there, from beginning to end.
async fn is_looked_at(server: &Server) {
    let newest = "SELECT max(query_start)::text FROM pg_stat_activity WHERE application_name = 'greylag/watch'";
    let deadline = Instant::now() + greylag_lab::patience();
    let (mut looks, mut last) = (0, None);
    // The one that is under way may have begun before; the next begins when it has ended.
    while looks < 3 {
        let look = server.value("postgres", newest).await.unwrap();
        looks += usize::from(look.is_some() && look != last);
        last = look;
        assert!(Instant::now() < deadline, "nobody looks");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_comes_under_the_limit_holds_until_it_is_under_the_lower_one() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.files = vec![("V1__one.sql", "CREATE TABLE one (); CREATE TABLE other ();")];
    fleet.done().await;
    fleet.files.push(("V2__two.sql", "CREATE TABLE two ();"));
    fleet.settings.limits.max_lag = LIMIT;
    fleet.settings.limits.resume_lag = Duration::ZERO;
    fleet.settings.poll = Duration::from_millis(100);

    // Two readers there, each of whom holds replay up for as long as he likes.
    let (primary, standby) = (fleet.clusters[0].primary(), fleet.clusters[0].replica(0));
    for sql in [
        "ALTER SYSTEM SET max_standby_streaming_delay = '-1'",
        "SELECT pg_reload_conf()",
    ] {
        standby.execute("postgres", sql).await.unwrap();
    }
    let url = standby.url(&fleet.databases[0].name);
    let first = session(&url, "BEGIN; SELECT FROM one").await;
    let second = session(&url, "BEGIN; SELECT FROM other").await;
    let write = async |sql: &str| {
        primary
            .execute(&fleet.databases[0].name, sql)
            .await
            .unwrap();
    };

    write("ALTER TABLE one ADD x int").await;
    let until_primary = async |says: &str| {
        let sql = format!("SELECT count(*) FROM pg_stat_replication WHERE {says}");
        let deadline = Instant::now() + greylag_lab::patience();
        while primary.value("postgres", &sql).await.unwrap().as_deref() != Some("1") {
            assert!(Instant::now() < deadline, "not seen: {says}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until_primary("replay_lag > interval '10500 milliseconds'").await;
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::ReplicaLag { node, blame: Some(Blame::Blocked { .. }), .. }]
            if node.to_string() == "s1/replica-1"))
    })
    .await;
    // Something that is younger than the limit, and known before what is older than it is replayed; and behind something else that
    // replay passes, or the primary goes on measuring from what is old.
    for sql in ["CREATE TABLE more ()", "ALTER TABLE other ADD x int"] {
        write(sql).await;
        is_looked_at(primary).await;
    }
    let replayed = "SELECT replay_lsn::text FROM pg_stat_replication";
    let stuck = primary.value("postgres", replayed).await.unwrap().unwrap();
    let eased = Instant::now();
    first.batch_execute("COMMIT").await.unwrap();
    until_primary(&format!("replay_lsn > '{stuck}'")).await;
    // The lag has come under the limit, and the rollout has seen that and holds.
    until_after(&told, eased, |event| {
        matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::ReplicaLag { lag_ms: Some(lag), limit_ms, .. }] if lag < limit_ms))
    })
    .await;

    let freed = Instant::now();
    second.batch_execute("COMMIT").await.unwrap();
    let begun = until(&told, started(0)).await;
    assert!(
        begun > freed,
        "it went on under the limit: {:#?}",
        told.lock().unwrap()
    );
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}
