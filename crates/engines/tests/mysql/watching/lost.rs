//! Nodes that die, come back, or are promoted.

use super::scene::{behind, is_level, on_both_clusters, place, upstream};
use greylag_core::{node::SeenRole, position::Reach};
use greylag_engines::EngineError;

on_both_clusters!(a_killed_replica_can_t_be_looked_at_until_it_is_back(scene, 1) {
    let mut below = scene.watch_replica(0).await;
    let before = below.until("a level replica", is_level).await;
    scene.cluster.replica(0).kill();
    let error = below.0.observe().await.unwrap_err();
    assert!(matches!(error, EngineError::Lost { .. }), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("greylag:greylag"), "{error:?}");
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let mut primary = scene.watch_primary().await;
    let above = primary.until("no replica", |seen| seen.children.is_empty()).await;
    scene.cluster.replica(0).restart().await.unwrap();
    let deadline = std::time::Instant::now() + greylag_lab::patience();
    while below.0.observe().await.is_err() {
        assert!(std::time::Instant::now() < deadline, "the node was never seen again");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let after = below.until("the row", |seen| is_level(seen) && behind(seen, &above).is_some_and(|d| d.is_zero())).await;
    assert_eq!((after.own, upstream(&before).identity.clone()), (before.own.clone(), upstream(&before).identity.clone()));
});

on_both_clusters!(a_promoted_replica_is_a_primary_that_has_what_it_replayed(scene, 2) {
    let mut one = scene.watch_replica(0).await;
    one.until("a level replica", is_level).await;
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let above = scene.watch_primary().await.look().await;
    scene.cluster.wait_replayed().await.unwrap();
    scene.cluster.primary().kill();
    scene.cluster.replica(0).promote().await.unwrap();
    let seen = one.look().await;
    assert_eq!(seen.role, SeenRole::Primary);
    assert!(seen.upstream.is_none() && seen.replay.is_none());
    assert_eq!(place(&seen).reaches(place(&above)), Reach::Yes);
    scene.on_replica(0, "INSERT INTO t VALUES (2, 2)").await;
    let after = one.look().await;
    assert_eq!(place(&seen).reaches(place(&after)), Reach::No);
    // The other one still follows the dead.
    let mut two = scene.watch_replica(1).await;
    let other = two.until("no source", |seen| !upstream(seen).connected).await;
    assert_eq!(upstream(&other).identity, Some(above.own.split('@').next().unwrap().to_owned()));
    assert_eq!(place(&other).reaches(place(&after)), Reach::No);
});
