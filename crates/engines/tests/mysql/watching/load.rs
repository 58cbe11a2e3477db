//! How busy a primary is: by others alone, and never zero where it can't be seen.

use super::scene::{Scene, Watch, on_both_clusters, watch};
use crate::stage::{apply, job, succeed};
use greylag_core::node::{Load, NodeSighting};
use greylag_engines::{Attempt, Job};
use greylag_lab::Options;
use mysql_async::{Conn, prelude::Queryable};
use std::time::{Duration, Instant};

/// So many at work, so many of them before a lock.
fn counted(active: u32, lock_waiters: u32) -> Option<Load> {
    Some(Load {
        active: Some(active),
        lock_waiters: Some(lock_waiters),
        mend: None,
    })
}

/// A session of somebody else's.
async fn stranger(scene: &Scene) -> Conn {
    let url = scene.cluster.primary().url(&scene.database);
    Conn::from_url(url.replacen("mariadb://", "mysql://", 1))
        .await
        .unwrap()
}

/// It waits for a lock for as long as the test takes.
fn patient(mut job: Job) -> Job {
    job.limits.lock_timeout = greylag_lab::patience() * 10;
    job
}

/// Until so many sessions, whoever's, wait before a metadata lock.
async fn until_waiting(scene: &Scene, count: &str) {
    let sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'Waiting for table metadata lock'";
    let deadline = Instant::now() + greylag_lab::patience();
    loop {
        let primary = scene.cluster.primary();
        let found = primary.value(&scene.database, sql).await.unwrap();
        if found.as_deref() == Some(count) {
            return;
        }
        assert!(Instant::now() < deadline, "{found:?} wait, not {count}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whoever has just gone may still be there for a moment.
async fn until(watch: &mut Watch, load: Option<Load>) -> NodeSighting {
    watch
        .until(&format!("{load:?}"), |seen| seen.load == load)
        .await
}

on_both_clusters!(sessions_of_others_are_counted(scene, 0) {
    let mut watch = scene.watch_primary().await;
    let seen = until(&mut watch, counted(0, 0)).await;
    assert_eq!(seen.oldest, None, "{seen:#?}");
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(stranger(&scene).await);
    }
    let [one, two, three] = clients.as_mut_slice() else { panic!() };
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    one.query_drop("BEGIN").await.unwrap();
    one.query_drop("SELECT * FROM t WHERE id = 1 FOR UPDATE").await.unwrap();
    let waiting = two.query_drop("UPDATE t SET n = 2 WHERE id = 1");
    let altering = three.query_drop("ALTER TABLE t ADD COLUMN m int");
    let both = async { tokio::join!(waiting, altering) };
    let looking = async {
        let seen = watch.until("two that wait", |seen| seen.load == counted(2, 2) && seen.oldest.is_some()).await;
        let oldest = seen.oldest.unwrap();
        assert_eq!(oldest.who.pid, one.id().to_string());
        one.query_drop("COMMIT").await.unwrap();
    };
    let ((first, second), ()) = tokio::join!(both, looking);
    first.unwrap();
    second.unwrap();
});

on_both_clusters!(sessions_of_our_own_are_not_counted_whatever_they_wait_for(scene, 0) {
    let stage = scene.stage().await;
    let mut session = stage.ready().await;
    // It has carried a file, and was renewed since.
    succeed(session.as_mut(), &job("1", &["CREATE TABLE made (id int PRIMARY KEY)"])).await;
    let mut reader = stranger(&scene).await;
    reader.query_drop("BEGIN").await.unwrap();
    reader.query_drop("SELECT * FROM made").await.unwrap();
    let mut watch = scene.watch_primary().await;
    let mut other = scene.watch_primary().await;
    let mut behind = stranger(&scene).await;
    let alter = patient(job("2", &["ALTER TABLE made ADD COLUMN n int"]));
    let ours = apply(session.as_mut(), &alter);
    let looking = async {
        until_waiting(&scene, "1").await;
        // Our ALTER waits, and nobody else; nor is another look counted.
        until(&mut watch, counted(0, 0)).await;
        until(&mut other, counted(0, 0)).await;
        // Who waits behind it is somebody else.
        let waits = behind.query_drop("ALTER TABLE made ADD COLUMN m int");
        let looks = async {
            until_waiting(&scene, "2").await;
            until(&mut watch, counted(1, 1)).await;
            reader.query_drop("COMMIT").await.unwrap();
        };
        let (waited, ()) = tokio::join!(waits, looks);
        waited.unwrap();
    };
    let (ours, ()) = tokio::join!(ours, looking);
    assert!(matches!(ours, Attempt::Applied(_)), "{ours:?}");
});

on_both_clusters!(our_own_that_wait_for_a_row_are_not_counted(scene, 0) {
    let stage = scene.stage().await;
    let mut session = stage.ready().await;
    scene.write("INSERT INTO t VALUES (1, 1)").await;
    let mut holder = stranger(&scene).await;
    holder.query_drop("BEGIN").await.unwrap();
    holder.query_drop("SELECT * FROM t WHERE id = 1 FOR UPDATE").await.unwrap();
    let mut watch = scene.watch_primary().await;
    let update = patient(job("1", &["UPDATE t SET n = 2 WHERE id = 1"]));
    let ours = apply(session.as_mut(), &update);
    let looking = async {
        let waits = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'";
        let deadline = Instant::now() + greylag_lab::patience();
        let primary = scene.cluster.primary();
        while primary.value(&scene.database, waits).await.unwrap().as_deref() != Some("1") {
            assert!(Instant::now() < deadline, "it never waits");
            // InnoDB shows what it showed before to those who ask more often.
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        until(&mut watch, counted(0, 0)).await;
        assert_eq!(primary.value(&scene.database, waits).await.unwrap().as_deref(), Some("1"), "it waits still");
        holder.query_drop("COMMIT").await.unwrap();
    };
    let (ours, ()) = tokio::join!(ours, looking);
    assert!(matches!(ours, Attempt::Applied(_)), "{ours:?}");
});

on_both_clusters!(what_an_account_may_not_see_of_the_load_is_not_zero(scene, 0) {
    let plain = scene.target(scene.cluster.primary(), "greylag_plain");
    let load = watch(&plain).await.look().await.load.unwrap();
    assert_eq!((load.active, load.lock_waiters), (None, None));
    let grants: Vec<String> = load.mend.unwrap().split("; ").map(str::to_owned).collect();
    let expected: &[&str] = match scene.is_mysql() {
        true => &["GRANT SELECT ON performance_schema.* TO 'greylag_plain'@'%'", "GRANT PROCESS ON *.* TO 'greylag_plain'@'%'"],
        false => &["GRANT PROCESS ON *.* TO 'greylag_plain'@'%'"],
    };
    assert_eq!(grants, expected);
    // What one of them shows is seen, and the other is asked for still.
    scene.write(&grants[0]).await;
    if scene.is_mysql() {
        let mut watch = watch(&plain).await;
        let seen = watch.until("nobody at work", |seen| seen.load.as_ref().is_some_and(|load| load.active == Some(0))).await;
        let seen = seen.load.unwrap();
        assert_eq!(seen.lock_waiters, None);
        assert_eq!(seen.mend.as_deref(), Some(&*grants[1]));
        scene.write(&grants[1]).await;
    }
    until(&mut watch(&plain).await, counted(0, 0)).await;
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_instruments_does_not_pass_for_one_at_rest() {
    let options = Options::default().set("performance_schema", "OFF");
    let Some(scene) = Scene::start_with(greylag_core::engine::Engine::Mysql, 0, options).await
    else {
        return;
    };
    let load = scene.watch_primary().await.look().await.load.unwrap();
    assert_eq!((load.active, load.lock_waiters), (None, None));
    let mend = "start the server with performance_schema = ON";
    assert_eq!(load.mend.as_deref(), Some(mend));
}
