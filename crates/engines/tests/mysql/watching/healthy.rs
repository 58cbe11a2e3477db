//! What a look sees of servers that are well.

use super::scene::{behind, is_level, is_running, on_both_clusters, place, replay, upstream};
use crate::stage::{claim, hold, job, succeed};
use greylag_core::{
    node::{Delay, SeenRole},
    position::Reach,
};
use std::time::Duration;

on_both_clusters!(a_primary_and_its_replicas_are_seen_with_their_places(scene, 2) {
    let (mut primary, mut replica) = (scene.watch_primary().await, scene.watch_replica(1).await);
    let below = replica.until("a level replica", is_level).await;
    let above = primary.look().await;
    assert_eq!((above.role, below.role), (SeenRole::Primary, SeenRole::Replica));
    assert!(is_running(&below), "{below:#?}");
    assert_eq!(behind(&below, &above).map(|d| d.is_zero()), Some(true), "{below:#?}");
    assert_eq!(below.received, below.position);
    assert_eq!(below.written_here, None);
    assert_eq!((&below.shard, &above.shard), (&None, &None), "nobody has claimed it");
    assert_eq!(below.patience, Some(Delay::ForEver));
    assert_eq!((&below.unobservable, &above.unobservable), (&vec![], &vec![]));
    // It says whom it follows, and that one says the same of it.
    let identity = upstream(&below).identity.clone().unwrap();
    assert!(above.own == identity || above.own.starts_with(&format!("{identity}@")), "{identity}: {above:#?}");
    let port = scene.cluster.primary().port();
    assert_eq!(upstream(&below).address.as_deref(), Some(format!("127.0.0.1:{port}").as_str()));
    let known_as = upstream(&below).known_as.clone().unwrap();
    assert_eq!(above.children.len(), 2, "{above:#?}");
    let child = above.children.iter().find(|child| child.name == known_as).unwrap();
    let port = scene.cluster.replica(1).port();
    assert_eq!(child.address.as_deref(), Some(format!("127.0.0.1:{port}").as_str()));
    assert!(!child.logical);
    assert!(above.upstream.is_none() && above.replay.is_none());
    assert_ne!(above.own, below.own);
});

on_both_clusters!(a_replica_is_seen_to_reach_what_a_session_committed(scene, 1) {
    let stage = scene.stage().await;
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    session.prepare(&claim()).await.unwrap();
    let applied = succeed(session.as_mut(), &job("1", &["CREATE TABLE made (id int)"])).await;
    let written = applied.position.unwrap();
    let mut replica = scene.watch_replica(0).await;
    let seen = replica.until("the position", |seen| place(seen).reaches(&written) == Reach::Yes).await;
    assert_eq!(place(&seen).reaches(&written), Reach::Yes);
    let history = replica.0.history().await.unwrap();
    assert_eq!(history.last().and_then(|row| row.version.clone()).as_deref(), Some("1"));
    // DML, in a transaction of its own.
    let applied = succeed(session.as_mut(), &job("2", &["INSERT INTO made VALUES (1)"])).await;
    let written = applied.position.unwrap();
    replica.until("the second", |seen| place(seen).reaches(&written) == Reach::Yes).await;
    assert_eq!(replica.0.history().await.unwrap().len(), 2);
    // It carries the shard's identity, as its primary does.
    let (above, below) = (scene.watch_primary().await.look().await, replica.look().await);
    assert_eq!(above.shard.map(|shard| shard.uuid), Some(claim().identity.uuid));
    assert_eq!(below.shard.map(|shard| shard.name.to_string()).as_deref(), Some("eu-1"));
});

on_both_clusters!(a_database_that_a_replica_does_not_have_yet_has_no_history(scene, 1) {
    scene.cluster.pause_replay(0).await.unwrap();
    // The account's grant covers it already.
    let later = format!("{}_later", scene.database);
    scene.write(&format!("CREATE DATABASE {later}")).await;
    let mut target = scene.target(scene.cluster.replica(0), "greylag");
    target.url.set_path(&later);
    let mut watch = crate::watching::scene::watch(&target).await;
    assert_eq!(watch.0.history().await.unwrap(), []);
    assert_eq!(watch.look().await.role, SeenRole::Replica);
});

on_both_clusters!(a_delay_on_purpose_is_told_from_lag(scene, 1) {
    scene.cluster.delay_replay(0, Duration::from_secs(3600)).await.unwrap();
    let (mut primary, mut replica) = (scene.watch_primary().await, scene.watch_replica(0).await);
    // Looked at before it is behind: what came in when is known from then on.
    replica.until("a level replica", is_level).await;
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let above = primary.look().await;
    let seen = replica.until("the change come in and held", |seen| {
        seen.received.as_ref().is_some_and(|received| received.reaches(place(&above)) == Reach::Yes)
            && replay(seen).lag.is_some_and(|lag| lag > Duration::ZERO)
    }).await;
    assert_eq!(replay(&seen).delay, Some(Duration::from_secs(3600)));
    assert!(is_running(&seen), "{seen:#?}");
    assert!(!behind(&seen, &above).unwrap().is_zero());
    scene.cluster.delay_replay(0, Duration::ZERO).await.unwrap();
    let seen = replica.until("the change replayed", |seen| behind(seen, &above).is_some_and(|d| d.is_zero())).await;
    assert_eq!(replay(&seen).delay, None);
});
