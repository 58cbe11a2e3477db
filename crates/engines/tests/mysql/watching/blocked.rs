//! Appliers that wait for somebody on the replica.

use super::scene::{Scene, Watch, behind, is_level, on_both_clusters, replay};
use greylag_core::{
    engine::Engine,
    node::{NodeSighting, ReplayState},
    outcome::Blocker,
};
use greylag_lab::Options;
use mysql_async::{Conn, prelude::Queryable};
use std::time::Duration;

async fn client(scene: &Scene) -> Conn {
    let url = scene.cluster.replica(0).superuser_url(&scene.database);
    let url = url.replacen("mariadb://", "mysql://", 1);
    Conn::from_url(url).await.unwrap()
}

async fn blockers(replica: &mut Watch) -> (NodeSighting, Vec<Blocker>) {
    let seen = replica
        .until("a blocked applier", |seen| {
            matches!(replay(seen).state, ReplayState::Blocked { .. })
        })
        .await;
    match replay(&seen).state.clone() {
        ReplayState::Blocked { by } => (seen, by),
        other => panic!("{other:?}"),
    }
}

async fn until_replayed(scene: &Scene, replica: &mut Watch) {
    let above = scene.watch_primary().await.look().await;
    let level =
        |seen: &NodeSighting| is_level(seen) && behind(seen, &above).is_some_and(|d| d.is_zero());
    replica.until("a level replica", level).await;
}

/// MariaDB tells of the locks that it holds by a plugin, which not every build has: loudly.
async fn tells_its_locks(scene: &Scene) -> bool {
    if scene.is_mysql() {
        return true;
    }
    let replica = scene.cluster.replica(0);
    let install = "INSTALL SONAME 'metadata_lock_info'";
    match replica.execute(&scene.database, install).await {
        Ok(()) => true,
        Err(why) if why.to_string().contains("Can't open shared library") => {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            eprintln!("\n##### SKIPPED: {test}: {why}\n");
            false
        }
        Err(why) => panic!("{why}"),
    }
}

on_both_clusters!(a_reader_that_holds_an_alter_up_is_named_with_its_query(scene, 1) {
    if !tells_its_locks(&scene).await {
        return;
    }
    let mut replica = scene.watch_replica(0).await;
    replica.until("a level replica", is_level).await;
    let mut reader = client(&scene).await;
    reader.query_drop("BEGIN").await.unwrap();
    reader.query_drop("SELECT * FROM t").await.unwrap();
    let mut stranger = client(&scene).await;
    stranger.query_drop("BEGIN").await.unwrap();
    stranger.query_drop("SELECT * FROM mysql.user").await.unwrap();
    scene.write("ALTER TABLE t ADD COLUMN more int").await;
    let (seen, by) = blockers(&mut replica).await;
    assert_eq!(by.iter().map(|b| b.pid.clone()).collect::<Vec<_>>(), [reader.id().to_string()], "{by:?}");
    assert!(by[0].holds.as_ref().unwrap().contains("t"), "{by:?}");
    if scene.is_mysql() {
        assert_eq!(by[0].query.as_deref(), Some("SELECT * FROM t"));
    }
    assert!(by[0].open_ms.is_some());
    assert_ne!(replay(&seen).lag, Some(Duration::ZERO));
    // It is in the way of whatever locks the table, and not of what locks another.
    let way = replica.0.in_the_way(&["t".into()], Duration::ZERO).await.unwrap();
    assert_eq!(way.iter().map(|b| b.pid.clone()).collect::<Vec<_>>(), [reader.id().to_string()], "{way:?}");
    let way = replica.0.in_the_way(&[format!("{}.t", scene.database)], Duration::from_secs(3600)).await.unwrap();
    assert_eq!(way, []);
    assert_eq!(replica.0.in_the_way(&["u".into()], Duration::ZERO).await.unwrap(), []);
    assert_eq!(replica.0.in_the_way(&[], Duration::ZERO).await.unwrap().len(), 1);
    reader.query_drop("COMMIT").await.unwrap();
    until_replayed(&scene, &mut replica).await;
});

on_both_clusters!(a_row_that_somebody_on_the_replica_locked_is_seen(scene, 1) {
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    scene.cluster.wait_replayed().await.unwrap();
    let mut replica = scene.watch_replica(0).await;
    scene.tell_replica(0, "SET GLOBAL super_read_only = OFF", "SET GLOBAL read_only = OFF").await;
    let mut locker = client(&scene).await;
    locker.query_drop("BEGIN").await.unwrap();
    locker.query_drop("SELECT * FROM t WHERE id = 1 FOR UPDATE").await.unwrap();
    scene.write("UPDATE t SET n = 2 WHERE id = 1").await;
    let (_, by) = blockers(&mut replica).await;
    assert_eq!(by[0].pid, locker.id().to_string(), "{by:?}");
    assert!(by[0].holds.as_ref().unwrap().contains("rows of"), "{by:?}");
    locker.query_drop("ROLLBACK").await.unwrap();
    until_replayed(&scene, &mut replica).await;
});

on_both_clusters!(a_global_read_lock_is_seen_as_what_blocks(scene, 1) {
    if !tells_its_locks(&scene).await {
        return;
    }
    let mut replica = scene.watch_replica(0).await;
    let mut backup = client(&scene).await;
    backup.query_drop("FLUSH TABLES WITH READ LOCK").await.unwrap();
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let (_, by) = blockers(&mut replica).await;
    assert_eq!(by.iter().map(|b| b.pid.clone()).collect::<Vec<_>>(), [backup.id().to_string()], "{by:?}");
    backup.query_drop("UNLOCK TABLES").await.unwrap();
    until_replayed(&scene, &mut replica).await;
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_plugin_mariadb_s_open_transactions_are_all_suspects() {
    let Some(scene) = Scene::start(Engine::Mariadb, 1).await else {
        return;
    };
    let mut replica = scene.watch_replica(0).await;
    let mut reader = client(&scene).await;
    reader.query_drop("BEGIN").await.unwrap();
    reader.query_drop("SELECT * FROM t").await.unwrap();
    scene.write("ALTER TABLE t ADD COLUMN more int").await;
    let (_, by) = blockers(&mut replica).await;
    assert_eq!(by[0].pid, reader.id().to_string());
    assert!(
        by[0].holds.as_ref().unwrap().starts_with("perhaps"),
        "{by:?}"
    );
    let way = replica
        .0
        .in_the_way(&["t".into()], Duration::ZERO)
        .await
        .unwrap();
    assert!(
        way[0]
            .holds
            .as_ref()
            .unwrap()
            .contains("metadata_lock_info"),
        "{way:?}"
    );
    reader.query_drop("COMMIT").await.unwrap();
    until_replayed(&scene, &mut replica).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_plugin_mariadb_s_applier_is_blocked_by_somebody_who_can_t_be_seen() {
    let Some(scene) = Scene::start(Engine::Mariadb, 1).await else {
        return;
    };
    let mut replica = scene.watch_replica(0).await;
    let mut backup = client(&scene).await;
    backup
        .query_drop("FLUSH TABLES WITH READ LOCK")
        .await
        .unwrap();
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let (_, by) = blockers(&mut replica).await;
    assert_eq!(by[0].pid, "?");
    let holds = by[0].holds.as_ref().unwrap();
    assert!(holds.contains("Waiting for backup lock"), "{holds}");
    backup.query_drop("UNLOCK TABLES").await.unwrap();
    until_replayed(&scene, &mut replica).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_of_mariadb_that_waits_for_a_reader_is_seen_among_its_fellows() {
    let options = Options::default().set("slave_parallel_threads", "4");
    let Some(scene) = Scene::start_with(Engine::Mariadb, 1, options).await else {
        return;
    };
    if !tells_its_locks(&scene).await {
        return;
    }
    let mut replica = scene.watch_replica(0).await;
    let mut reader = client(&scene).await;
    reader.query_drop("BEGIN").await.unwrap();
    reader.query_drop("SELECT * FROM t").await.unwrap();
    scene.write("ALTER TABLE t ADD COLUMN more int").await;
    scene.write("CREATE TABLE other (id int)").await;
    let (_, by) = blockers(&mut replica).await;
    assert_eq!(by[0].pid, reader.id().to_string(), "{by:?}");
    reader.query_drop("COMMIT").await.unwrap();
    until_replayed(&scene, &mut replica).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_performance_schema_mysql_is_followed_and_says_what_can_t_be_seen() {
    let options = Options::default().set("performance_schema", "OFF");
    let Some(scene) = Scene::start_with(Engine::Mysql, 1, options).await else {
        return;
    };
    let mut replica = scene.watch_replica(0).await;
    let seen = replica.until("a level replica", is_level).await;
    assert!(
        seen.unobservable[0]
            .mend
            .contains("performance_schema = ON"),
        "{seen:#?}"
    );
    // A worker may wait for somebody, and nothing would show it.
    assert_eq!(replay(&seen).state, ReplayState::Unknown);
    scene.cluster.pause_replay(0).await.unwrap();
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let seen = replica
        .until("an age by our own clock", |seen| {
            replay(seen).lag.is_some_and(|lag| !lag.is_zero())
        })
        .await;
    assert_eq!(replay(&seen).state, ReplayState::Paused);
    scene.cluster.resume_replay(0).await.unwrap();
    until_replayed(&scene, &mut replica).await;
}
