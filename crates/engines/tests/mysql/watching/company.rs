//! Whose replica a node is.

use super::scene::{Scene, is_level, on_both_clusters, place, upstream};
use greylag_core::{
    node::{NodeSighting, readers},
    position::Reach,
};

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

/// Who reads a server's log and is none of these replicas.
fn strangers(server: &NodeSighting, replicas: &[&NodeSighting]) -> Vec<String> {
    let found = readers(server, replicas, true);
    found.into_iter().map(|reader| reader.name).collect()
}

on_both_clusters!(a_reader_of_the_binary_log_is_told_from_the_replicas_beside_it(scene, 2) {
    let (mut first, mut second) = (scene.watch_replica(0).await, scene.watch_replica(1).await);
    let one = first.until("a level replica", is_level).await;
    let two = second.until("a level replica", is_level).await;
    let mut primary = scene.watch_primary().await;
    let seen = primary.until("both replicas", |seen| seen.children.len() == 2).await;
    assert_eq!(strangers(&seen, &[&one, &two]), [""; 0]);
    let Some(reader) = scene.cluster.primary().read_log("cdc").await.unwrap() else {
        return;
    };
    let wanted = ["cdc@127.0.0.1"];
    primary.until("the reader", |seen| strangers(seen, &[&one, &two]) == wanted).await;
    // Its replicas are those that they were.
    let seen = primary.look().await;
    assert_eq!(seen.children.iter().filter(|child| !child.logical).count(), 2, "{seen:#?}");
    // A second one of the same account.
    let again = scene.cluster.primary().read_log("cdc").await.unwrap();
    let wanted = ["cdc@127.0.0.1", "cdc@127.0.0.1"];
    primary.until("both readers", |seen| strangers(seen, &[&one, &two]) == wanted).await;
    drop((reader, again));
    primary.until("nobody", |seen| strangers(seen, &[&one, &two]).is_empty()).await;
});

on_both_clusters!(a_reader_of_a_primary_without_replicas_is_told(scene, 0) {
    let mut primary = scene.watch_primary().await;
    let Some(_reader) = scene.cluster.primary().read_log("cdc").await.unwrap() else {
        return;
    };
    primary.until("the reader", |seen| strangers(seen, &[]) == ["cdc@127.0.0.1"]).await;
});
