//! How many nodes are waited for, and primaries that are watched for their limits alone.

use crate::{
    replaying::{listen, no_wait, replays, replicated},
    world::{Ran, World},
};
use greylag_core::{event::Event, gate::WaitReason, node::NodePolicy};
use greylag_orchestrator::{
    apply::{Summary, Verdict},
    project::Expected,
};

async fn ended(world: &World) -> Box<Summary> {
    let (Ran::Ended(summary), _) = world.run_as(None, no_wait()).await else {
        panic!("it was not told to crash")
    };
    summary
}

#[tokio::test]
async fn fewer_guarded_nodes_than_are_wanted_hold_with_both_figures() {
    let (mut world, told) = replicated(2, 1);
    world.replicas(
        "s2",
        &[("a", NodePolicy::Guard), ("b", NodePolicy::Observe)],
    );
    world.settings(|settings| settings.wait = Expected::Number(2));
    let summary = ended(&world).await;
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::Waiting, 4),
        "{summary:#?}"
    );
    let reason = WaitReason::TooFewReplicas {
        shard: "s2".parse().unwrap(),
        guarded: 1,
        wanted: 2,
    };
    let is_it =
        |event: &Event| matches!(event, Event::Held { reasons } if *reasons == [reason.clone()]);
    assert!(
        told.lock().unwrap().iter().any(is_it),
        "{:#?}",
        told.lock().unwrap()
    );
    assert!(world.rows("s1").is_empty() && world.rows("s2").is_empty());

    world.settings(|settings| settings.wait = Expected::Number(1));
    assert_eq!(ended(&world).await.verdict, Verdict::Done);
}

#[tokio::test]
async fn as_many_nodes_as_are_wanted_are_enough() {
    let (mut world, told) = replicated(1, 1);
    world.settings(|settings| settings.wait = Expected::Number(1));
    world.node("s1", "a", |node| node.paused = true);
    assert_eq!(ended(&world).await.verdict, Verdict::Done);
    assert!(
        told.lock()
            .unwrap()
            .iter()
            .any(|event| replays(event, "s1"))
    );
    let (mut world, _) = replicated(1, 1);
    world.settings(|settings| {
        settings.wait = Expected::Number(2);
        settings.timeout = std::time::Duration::from_millis(20);
    });
    world.node("s1", "a", |node| node.paused = true);
    assert_eq!(ended(&world).await.verdict, Verdict::Waiting);
    world.node("s1", "a", |node| node.paused = false);
    // Its time is up already: the run that may wait sees it.
    let (Ran::Ended(summary), _) = world.run(None).await else {
        panic!("it was not told to crash")
    };
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}

#[tokio::test]
async fn where_none_is_waited_for_no_shard_waits_for_its_nodes() {
    let (mut world, told) = replicated(2, 1);
    world.settings(|settings| settings.wait = Expected::None);
    for shard in ["s1", "s2"] {
        world.node(shard, "a", |node| node.paused = true);
        world.node(shard, "b", |node| node.paused = true);
    }
    assert_eq!(ended(&world).await.verdict, Verdict::Done);
    assert!(
        !told
            .lock()
            .unwrap()
            .iter()
            .any(|event| replays(event, "s1"))
    );
}

#[tokio::test]
async fn shards_without_replicas_owe_none_and_their_primaries_are_watched_for_limits() {
    let mut world = World::new(2, 1);
    world.replicas("s2", &[]);
    let told = listen(&mut world);
    world.settings(|settings| {
        settings.wait = Expected::Number(2);
        settings.limits.active = Some(100);
    });
    assert_eq!(ended(&world).await.verdict, Verdict::Done);
    let nodes = world.nodes.lock().unwrap();
    let looked: Vec<String> = nodes
        .keys()
        .map(|(shard, node)| format!("{shard}/{node}"))
        .collect();
    assert_eq!(looked, ["s1/here", "s2/here"]);
    assert!(
        !told
            .lock()
            .unwrap()
            .iter()
            .any(|event| replays(event, "s1"))
    );
    for database in world.databases.0.values() {
        assert!(!database.lock().unwrap().calls.contains(&"position"));
    }
}
