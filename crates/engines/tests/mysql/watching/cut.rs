//! Lines that break: the replica's to its source, and ours to the replica.

use super::scene::{
    Scene, behind, is_level, is_running, on_both_clusters, replay, upstream, watch,
};
use greylag_core::{node::SeenRole, position::Distance};
use greylag_engines::EngineError;
use greylag_lab::{Options, Proxy};
use std::time::Duration;

/// What the server itself says: 0 while it hears nothing.
async fn seconds_behind(scene: &Scene, replica: &greylag_lab::Server) -> Option<String> {
    let (sql, column) = match scene.is_mysql() {
        true => ("SHOW REPLICA STATUS", "Seconds_Behind_Source"),
        false => ("SHOW SLAVE STATUS", "Seconds_Behind_Master"),
    };
    let rows = replica.rows("", sql).await.unwrap();
    let row = rows.into_iter().next().unwrap();
    row.into_iter().find(|(name, _)| name == column).unwrap().1
}

on_both_clusters!(a_line_that_went_dead_without_a_word_is_not_taken_for_a_level_replica(scene, 0) {
    let proxy = Proxy::start(scene.cluster.primary().port()).await.unwrap();
    let replica = scene.cluster.primary().replica_through(proxy.port(), "far", Options::default()).await.unwrap();
    replica.wait_streaming().await.unwrap();
    let change = match scene.is_mysql() {
        true => ["STOP REPLICA", "CHANGE REPLICATION SOURCE TO SOURCE_HEARTBEAT_PERIOD = 0.2", "START REPLICA"],
        false => ["STOP SLAVE", "CHANGE MASTER TO MASTER_HEARTBEAT_PERIOD = 0.2", "START SLAVE"],
    };
    for sql in change {
        replica.execute("", sql).await.unwrap();
    }
    replica.wait_streaming().await.unwrap();
    replica.wait_replayed(scene.cluster.primary()).await.unwrap();
    let (mut above, mut below) = (scene.watch_primary().await, scene.watch(&replica).await);
    below.until("a level replica that hears of its source", |seen| {
        is_level(seen) && upstream(seen).heard.is_some_and(|heard| heard < Duration::from_millis(200))
    }).await;

    proxy.stall(true);
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let primary = above.look().await;
    // Compared with the primary it is behind at once, whatever it says of itself.
    let seen = below.look().await;
    assert_eq!(behind(&seen, &primary), Some(Distance::Transactions(1)));
    let seen = below.until("silence", |seen| !upstream(seen).connected).await;
    assert_eq!(seconds_behind(&scene, &replica).await.as_deref(), Some("0"), "the server still says 0");
    assert!(is_running(&seen), "the applier has nothing to do");
    assert_eq!(replay(&seen).lag, None, "nobody knows");
    assert!(upstream(&seen).heard.unwrap() > Duration::from_millis(200));
    let error = upstream(&seen).error.clone().unwrap();
    assert!(error.contains("nothing has come in for"), "{error}");

    proxy.stall(false);
    below.until("a level replica", |seen| is_level(seen) && behind(seen, &primary) == Some(Distance::Transactions(0))).await;
});

on_both_clusters!(a_source_that_refuses_is_named_with_the_error(scene, 0) {
    let proxy = Proxy::start(scene.cluster.primary().port()).await.unwrap();
    let replica = scene.cluster.primary().replica_through(proxy.port(), "far", Options::default()).await.unwrap();
    replica.wait_streaming().await.unwrap();
    let mut below = scene.watch(&replica).await;
    proxy.refuse(true).await.unwrap();
    proxy.cut().await;
    let seen = below.until("the error", |seen| {
        upstream(seen).error.as_ref().is_some_and(|error| error.starts_with("error 2003: "))
    }).await;
    assert!(!upstream(&seen).connected);
    assert_eq!(replay(&seen).lag, None);
    assert_eq!(seen.role, SeenRole::Replica);
    proxy.refuse(false).await.unwrap();
    below.until("a level replica", is_level).await;
});

on_both_clusters!(a_receiver_that_a_person_stopped_is_disconnected(scene, 1) {
    let mut below = scene.watch_replica(0).await;
    below.until("a level replica", is_level).await;
    scene.tell_replica(0, "STOP REPLICA IO_THREAD", "STOP SLAVE IO_THREAD").await;
    let seen = below.look().await;
    assert!(!upstream(&seen).connected);
    assert!(upstream(&seen).error.as_ref().unwrap().contains("stopped"), "{seen:#?}");
    assert_eq!(replay(&seen).lag, None);
});

on_both_clusters!(a_look_at_a_frozen_node_ends_and_the_next_one_after_it_sees_again(scene, 1) {
    let mut target = scene.target(scene.cluster.replica(0), "greylag");
    // No shorter than a look may take where the machine is busy.
    target.connect_timeout = Duration::from_secs(10);
    let mut below = watch(&target).await;
    scene.cluster.replica(0).pause();
    assert!(matches!(below.0.observe().await, Err(EngineError::Lost { .. })));
    assert!(matches!(below.0.observe().await, Err(EngineError::Lost { .. })));
    scene.cluster.replica(0).cont();
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while !below.0.observe().await.is_ok_and(|seen| is_level(&seen)) {
        assert!(std::time::Instant::now() < deadline, "the node was never seen again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
});
