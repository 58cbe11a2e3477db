//! MySQL without GTIDs: log and offset, good for one hop.

use super::scene::{Scene, behind, is_level, place, upstream};
use crate::stage::{claim, hold, job, succeed};
use greylag_core::{
    engine::Engine,
    position::{Distance, Position, Reach},
};
use greylag_lab::Options;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_gtids_a_replica_is_followed_by_its_source_s_log_and_offset() {
    let options = Options::default().without_gtids();
    let Some(scene) = Scene::start_with(Engine::Mysql, 1, options).await else {
        return;
    };
    let stage = scene.stage().await;
    let mut session = stage.open().await;
    hold(session.as_mut()).await;
    session.prepare(&claim()).await.unwrap();
    let applied = succeed(session.as_mut(), &job("1", &["CREATE TABLE made (id int)"])).await;
    let first = applied.position.unwrap();
    assert!(matches!(first, Position::File { .. }), "{first}");
    let applied = succeed(
        session.as_mut(),
        &job("2", &["INSERT INTO made VALUES (1)"]),
    )
    .await;
    let second = applied.position.unwrap();
    assert_eq!(
        (first.reaches(&second), second.reaches(&first)),
        (Reach::No, Reach::Yes)
    );

    let (mut primary, mut replica) = (scene.watch_primary().await, scene.watch_replica(0).await);
    let above = primary.look().await;
    assert_eq!(place(&above).reaches(&second), Reach::Yes);
    let seen = replica
        .until("both", |seen| {
            is_level(seen) && place(seen).reaches(&second) == Reach::Yes
        })
        .await;
    assert_eq!(upstream(&seen).identity.as_ref(), Some(&above.own));
    assert_eq!(behind(&seen, &above), Some(Distance::Bytes(0)));

    scene.cluster.pause_replay(0).await.unwrap();
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let above = primary.look().await;
    let seen = replica
        .until("the change received", |seen| {
            seen.received
                .as_ref()
                .is_some_and(|there| there.reaches(place(&above)) == Reach::Yes)
        })
        .await;
    assert!(
        behind(&seen, &above).is_some_and(|d| !d.is_zero()),
        "{seen:#?}"
    );
    // A log more, on the primary: offsets begin anew.
    scene.write("FLUSH BINARY LOGS").await;
    let above = primary.look().await;
    assert_eq!(place(&seen).reaches(place(&above)), Reach::No);
    scene.cluster.resume_replay(0).await.unwrap();
    replica
        .until("the new log", |seen| {
            place(seen).reaches(place(&above)) == Reach::Yes
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mariadb_replica_that_follows_by_log_and_offset_still_has_its_domains() {
    let Some(scene) = Scene::start(Engine::Mariadb, 1).await else {
        return;
    };
    for sql in [
        "STOP SLAVE",
        "CHANGE MASTER TO MASTER_USE_GTID = no",
        "START SLAVE",
    ] {
        scene.on_replica(0, sql).await;
    }
    let mut replica = scene.watch_replica(0).await;
    replica.until("a level replica", is_level).await;
    scene.cluster.pause_replay(0).await.unwrap();
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let above = scene.watch_primary().await.look().await;
    let seen = replica.until("it come in", |seen| !is_level(seen)).await;
    assert_eq!(behind(&seen, &above), Some(Distance::Transactions(1)));
    scene.cluster.resume_replay(0).await.unwrap();
    replica
        .until("the row", |seen| {
            is_level(seen) && place(seen).reaches(place(&above)) == Reach::Yes
        })
        .await;
}
