//! A subscriber whose catalog can't tell what became of a statement: its doubt is not its publisher's.

use crate::{
    fleet::{name, session},
    subscriber::Pair,
};
use greylag_core::node::NodeName;
use greylag_orchestrator::{
    apply::{Options, Verdict},
    steering::{self, Request, SteerError},
};
use std::time::{Duration, Instant};

/// It commits, and waits where a test holds its lock: what of it happened, no catalog tells.
const WALK: &str = "CREATE TABLE one (id int PRIMARY KEY); ALTER TABLE one OWNER TO greylag; \
     CREATE PROCEDURE walk() LANGUAGE plpgsql AS $$ BEGIN COMMIT; PERFORM pg_advisory_lock(42); PERFORM pg_advisory_unlock(42); END $$;";

const WAITS: &str = "SELECT max(pid)::text FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted";

fn settle(applied: bool) -> Request {
    Request::Settle {
        shard: name(0),
        migration: "V1".parse().unwrap(),
        applied,
        reason: "looked".into(),
        node: Some(NodeName {
            shard: name(0),
            node: "mirror".into(),
        }),
    }
}

/// Up to where the subscriber's statement was cut off and nobody can tell what it did.
async fn in_doubt() -> Option<Pair> {
    let mut pair = Pair::start("TABLE one", WALK).await?;
    pair.fleet.files = vec![(
        "V1__walk.sql",
        "-- greylag:transaction off\n-- greylag:subscribers run\nCALL walk();",
    )];
    let _holder = session(&pair.subscriber_url(), "SELECT pg_advisory_lock(42)").await;
    let (run, _) = pair.fleet.run(Options::default()).await;
    let deadline = Instant::now() + Duration::from_secs(60);
    let pid = loop {
        if let Some(pid) = pair.here(WAITS).await {
            break pid;
        }
        assert!(Instant::now() < deadline, "it never waited");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    pair.here(&format!("SELECT pg_terminate_backend({pid})::text"))
        .await;
    let summary = run.await.unwrap();
    assert_ne!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(summary.unknown.is_empty(), "{summary:#?}");
    let failure = &summary.failed[&name(0)];
    assert!(failure.message.starts_with("on subscriber s1/mirror: "));
    let hint = failure.hint.as_deref().unwrap();
    let command = "greylag rollout settle s1 V1 --on mirror --applied";
    assert!(hint.contains(command), "{hint}");
    Some(pair)
}

async fn versions_there(pair: &Pair) -> Option<String> {
    let sql = "SELECT coalesce(string_agg(version, ' '), '') FROM greylag_schema_history";
    pair.there(sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_subscriber_can_not_tell_is_settled_there_and_not_on_its_publisher() {
    let Some(mut pair) = in_doubt().await else {
        return;
    };
    let setup = pair.fleet.setup().await;
    let done = steering::steer(&setup, None, settle(true)).await.unwrap();
    assert_eq!(done.what, "V1 on `s1/mirror` is settled as applied");
    assert_eq!(pair.versions().await, "1");
    assert_eq!(
        versions_there(&pair).await.as_deref(),
        Some(""),
        "never ran there"
    );

    pair.fleet.claim = None;
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(versions_there(&pair).await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_happen_on_a_subscriber_is_run_again_there_and_nothing_open_is_not_settled() {
    let Some(mut pair) = in_doubt().await else {
        return;
    };
    let setup = pair.fleet.setup().await;
    let nobody = Request::Settle {
        shard: name(0),
        migration: "V1".parse().unwrap(),
        applied: true,
        reason: "looked".into(),
        node: Some(NodeName {
            shard: name(0),
            node: "nobody".into(),
        }),
    };
    let refused = steering::steer(&setup, None, nobody).await.unwrap_err();
    assert!(
        matches!(refused, SteerError::NoSuchSubscriber(_)),
        "{refused}"
    );
    steering::steer(&setup, None, settle(false)).await.unwrap();
    assert_eq!(pair.versions().await, "");
    // It stands no more: there is nothing to settle twice.
    let again = steering::steer(&setup, None, settle(true)).await;
    assert!(again.is_err(), "{again:?}");

    pair.fleet.claim = None;
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(pair.versions().await, "1");
    assert_eq!(versions_there(&pair).await.as_deref(), Some("1"));
}
