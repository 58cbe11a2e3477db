//! Whose replica a node is.

use super::scene::{Scene, is_level, on_both_clusters, place, upstream};
use greylag_core::position::Reach;

on_both_clusters!(a_replica_of_another_server_is_told_apart(scene, 1) {
    let other = Scene::start(scene.engine, 1).await.unwrap();
    let above = scene.watch_primary().await.look().await;
    let mut stranger = other.watch_replica(0).await;
    let seen = stranger.until("a level replica", is_level).await;
    let identity = upstream(&seen).identity.clone().unwrap();
    assert!(!above.own.starts_with(&identity), "{identity}: {above:#?}");
    assert_ne!(seen.server.lineage, above.server.lineage);
    assert!(!above.children.iter().any(|child| Some(&child.name) == upstream(&seen).known_as.as_ref()));
    if scene.is_mysql() {
        assert_eq!(place(&seen).reaches(place(&above)), Reach::No, "none of its transactions are there");
    }
});

on_both_clusters!(a_cascade_names_the_replica_that_it_follows(scene, 1) {
    let mut scene = scene;
    scene.cluster.cascade(0).await.unwrap();
    let (mut middle, mut last) = (scene.watch_replica(0).await, scene.watch_replica(1).await);
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let above = scene.watch_primary().await.look().await;
    let seen = last.until("the row", |seen| place(seen).reaches(place(&above)) == Reach::Yes).await;
    let between = middle.look().await;
    let identity = upstream(&seen).identity.clone().unwrap();
    assert_eq!(between.own.split('@').next(), Some(identity.as_str()));
    let known_as = upstream(&seen).known_as.clone().unwrap();
    assert!(between.children.iter().any(|child| child.name == known_as), "{between:#?}");
});
