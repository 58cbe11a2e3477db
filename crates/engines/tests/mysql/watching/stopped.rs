//! Appliers that stand: stopped by a person, or by an error.

use super::scene::{behind, is_level, is_running, on_both_clusters, place, replay, upstream};
use greylag_core::{
    node::ReplayState,
    position::{Distance, Reach},
};
use std::time::Duration;

on_both_clusters!(an_applier_that_a_person_stopped_is_paused_and_still_receives(scene, 1) {
    let (mut primary, mut replica) = (scene.watch_primary().await, scene.watch_replica(0).await);
    replica.until("a level replica", is_level).await;
    scene.cluster.pause_replay(0).await.unwrap();
    for id in 1..=3 {
        scene.write(&format!("INSERT INTO t VALUES ({id}, 0)")).await;
    }
    let above = primary.look().await;
    let seen = replica.until("three received", |seen| {
        seen.received.as_ref().is_some_and(|received| received.reaches(place(&above)) == Reach::Yes)
    }).await;
    assert_eq!(replay(&seen).state, ReplayState::Paused);
    assert_eq!(behind(&seen, &above), Some(Distance::Transactions(3)));
    assert!(upstream(&seen).connected);
    // Nobody's clock but ours: it grows while nothing happens anywhere.
    let first = replay(&seen).lag;
    let seen = replica.until("a lag that grows", |seen| replay(seen).lag > first.max(Some(Duration::from_millis(200)))).await;
    assert_eq!(replay(&seen).state, ReplayState::Paused);
    scene.cluster.resume_replay(0).await.unwrap();
    let seen = replica.until("a level replica", |seen| is_level(seen) && behind(seen, &above) == Some(Distance::Transactions(0))).await;
    assert!(is_running(&seen));
});

on_both_clusters!(a_replica_that_is_behind_when_first_seen_has_a_distance_and_no_invented_time(scene, 1) {
    scene.cluster.pause_replay(0).await.unwrap();
    scene.write("INSERT INTO t VALUES (1, 0)").await;
    let above = scene.watch_primary().await.look().await;
    let mut replica = scene.watch_replica(0).await;
    let seen = replica.until("one received", |seen| seen.received.as_ref().is_some_and(|received| {
        received.reaches(place(&above)) == Reach::Yes
    })).await;
    assert_eq!(behind(&seen, &above), Some(Distance::Transactions(1)));
    assert_ne!(replay(&seen).lag, Some(Duration::ZERO), "{seen:#?}");
});

on_both_clusters!(a_row_written_on_the_replica_is_seen_and_the_error_it_causes_is_named(scene, 1) {
    let (mut primary, mut replica) = (scene.watch_primary().await, scene.watch_replica(0).await);
    let before = replica.until("a level replica", is_level).await;
    scene.tell_replica(0, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF").await;
    scene.on_replica(0, "INSERT INTO t VALUES (7, 7)").await;
    let seen = replica.until("the errant row", |seen| seen.written_here.is_some()).await;
    let errant = seen.written_here.clone().unwrap();
    let above = primary.look().await;
    assert_ne!(place(&above).reaches(&errant), Reach::Yes, "the primary does not have it");
    if !scene.is_mysql() {
        assert_eq!(seen.position, before.position, "only what came from upstream counts as replayed");
    }
    assert!(is_level(&seen), "{seen:#?}");
    // The primary writes the same key. (MariaDB in strict mode trips over the number before it gets to the key.)
    scene.write("INSERT INTO t VALUES (7, 1)").await;
    let above = primary.look().await;
    let seen = replica.until("the error", |seen| matches!(replay(seen).state, ReplayState::Stopped { .. })).await;
    let ReplayState::Stopped { error: Some(error) } = &replay(&seen).state else { panic!("{seen:#?}") };
    let expected = if scene.is_mysql() { "error 1062: " } else { "error 1950: " };
    assert!(error.starts_with(expected), "{error}");
    if scene.is_mysql() {
        assert!(error.contains("Duplicate entry '7'"), "{error}");
    }
    assert_eq!(place(&seen).reaches(place(&above)), Reach::No);
    assert!(upstream(&seen).connected, "it still receives");
});

on_both_clusters!(a_receiver_that_gave_up_is_told_from_one_that_a_person_stopped(scene, 1) {
    let mut replica = scene.watch_replica(0).await;
    replica.until("a level replica", is_level).await;
    scene.tell_replica(0, "STOP REPLICA IO_THREAD", "STOP SLAVE IO_THREAD").await;
    let seen = replica.until("no receiver", |seen| !upstream(seen).connected).await;
    assert!(!upstream(&seen).failed, "{seen:#?}");
    // A source that has the replica's own number is refused for good.
    let number = scene.cluster.primary().value("", "SELECT @@server_id").await.unwrap().unwrap();
    scene.on_replica(0, &format!("SET GLOBAL server_id = {number}")).await;
    scene.tell_replica(0, "START REPLICA IO_THREAD", "START SLAVE IO_THREAD").await;
    let seen = replica.until("the error", |seen| upstream(seen).failed).await;
    let error = upstream(&seen).error.clone().unwrap();
    assert!(error.starts_with("error 1593: ") || error.starts_with("error 13117: "), "{error}");
});
