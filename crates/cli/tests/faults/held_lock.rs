//! A table lock that somebody never lets go: short waits, tried again until the deadline, with the holder named; and the
//! application's readers hardly notice.

use crate::{ground::Ground, run::eventually};
use greylag_lab::Engine;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

const SHORT: &str = "[lock]\ntimeout = \"200ms\"\ndeadline = \"4s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn postgres_gives_up_at_the_deadline_and_names_the_holder() {
    let Some(ground) = one_column_more(Engine::Postgres, 1).await else {
        return;
    };
    let holder = ground.somebody(
        0,
        "BEGIN; LOCK TABLE effect IN ACCESS SHARE MODE; SELECT pg_sleep(3600)",
    );
    let pid = until_held(
        &ground,
        0,
        "SELECT pid FROM pg_locks WHERE relation = 'effect'::regclass AND granted",
    )
    .await;
    let readers = Readers::start(&ground);
    let run = ground.run(&["apply", "--yes"]).await;
    let reads = readers.stop().await;
    assert!(reads > 0, "nobody read");
    // Nothing was changed by this run.
    run.ends(1)
        .says("s00 waits: locked out by pid")
        .says(&pid)
        .says("lock [55P04]".replace("55P04", "55P03").as_str())
        .says("blocked by pid")
        .says("everything it did was rolled back");
    assert_eq!(ground.versions(0).await, "1");
    holder.abort();
    let_go(&ground, 0, &format!("SELECT pg_terminate_backend({pid})")).await;
    ground.run(&["rollout", "retry"]).await.ends(0);
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(ground.versions(0).await, "1 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_gives_up_at_the_deadline_and_names_the_holder() {
    metadata_lock(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_gives_up_at_the_deadline_and_names_the_holder() {
    metadata_lock(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_gives_up_at_the_deadline() {
    let ground = one_column_more(Engine::Sqlite, 1)
        .await
        .expect("SQLite is always there");
    let holder = rusqlite::Connection::open(&ground.databases[0]).expect("an SQLite file");
    holder.execute_batch("BEGIN IMMEDIATE").expect("its lock");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(1)
        .says("lock [")
        .says("locked");
    drop(holder);
    assert_eq!(ground.versions(0).await, "1");
    ground.run(&["rollout", "retry"]).await.ends(0);
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(ground.versions(0).await, "1 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_split_where_the_second_shard_is_locked() {
    let Some(ground) = one_column_more(Engine::Postgres, 2).await else {
        return;
    };
    let holder = ground.somebody(
        1,
        "BEGIN; LOCK TABLE effect IN ACCESS SHARE MODE; SELECT pg_sleep(3600)",
    );
    let pid = until_held(
        &ground,
        1,
        "SELECT pid FROM pg_locks WHERE relation = 'effect'::regclass AND granted",
    )
    .await;
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(3)
        .says("s01 failed in V2")
        .says(&format!("blocked by pid {pid}"));
    holder.abort();
    assert_eq!(ground.versions(0).await, "1 2");
    assert_eq!(ground.versions(1).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_let_go_in_time_is_no_failure() {
    let Some(ground) = one_column_more(Engine::Postgres, 1).await else {
        return;
    };
    ground.project("[lock]\ntimeout = \"200ms\"\ndeadline = \"5m\"\n");
    let holder = ground.somebody(
        0,
        "BEGIN; LOCK TABLE effect IN ACCESS SHARE MODE; SELECT pg_sleep(3600)",
    );
    let pid = until_held(
        &ground,
        0,
        "SELECT pid FROM pg_locks WHERE relation = 'effect'::regclass AND granted",
    )
    .await;
    let mut run = ground.start(&["apply", "--yes"]);
    run.until_it_says(&format!("locked out by pid {pid}")).await;
    let_go(&ground, 0, &format!("SELECT pg_terminate_backend({pid})")).await;
    run.end().await.ends(0);
    holder.abort();
    assert_eq!(ground.versions(0).await, "1 2");
}

async fn metadata_lock(engine: Engine) {
    let Some(ground) = one_column_more(engine, 1).await else {
        return;
    };
    ground.execute(0, "INSERT INTO effect VALUES ('row')").await;
    let holder = ground.somebody(0, "SELECT step, SLEEP(3600) FROM effect");
    let pid = until_held(&ground, 0, "SELECT id FROM information_schema.processlist WHERE db = database() AND info LIKE 'SELECT step, SLEEP%'").await;
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(1)
        .says(&format!("locked out by pid {pid}"))
        .says(&format!("blocked by pid {pid}"))
        .says("lock [");
    assert_eq!(ground.versions(0).await, "1");
    ground.execute(0, &format!("KILL {pid}")).await;
    holder.abort();
    ground.run(&["rollout", "retry"]).await.ends(0);
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(ground.versions(0).await, "1 2");
}

async fn one_column_more(engine: Engine, shards: usize) -> Option<Ground> {
    let ground = Ground::on(engine, shards).await?;
    ground.project(SHORT);
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step varchar(10) NOT NULL);\n",
    );
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration(
        "V2__column.sql",
        "ALTER TABLE effect ADD COLUMN more int;\n",
    );
    Some(ground)
}

/// Waits until the holder is there, and says who it is.
async fn until_held(ground: &Ground, shard: usize, sql: &str) -> String {
    eventually("somebody holds the lock", async || {
        ground.count(shard, sql).await.is_some()
    })
    .await;
    ground.value(shard, sql).await.expect("the holder")
}

async fn let_go(ground: &Ground, shard: usize, sql: &str) {
    ground.execute(shard, sql).await;
}

/// The application: reads again and again, and would be stopped by a queue behind a waiting ALTER.
struct Readers {
    stop: Arc<AtomicBool>,
    reads: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Readers {
    fn start(ground: &Ground) -> Readers {
        let stop = Arc::new(AtomicBool::new(false));
        let reads = Arc::new(AtomicU32::new(0));
        let (ended, counted) = (Arc::clone(&stop), Arc::clone(&reads));
        let server = Arc::clone(ground.server.as_ref().expect("a server"));
        let database = ground.databases[0].clone();
        let task = tokio::spawn(async move {
            while !ended.load(Ordering::SeqCst) {
                // An ALTER that waited for as long as the deadline allows would hold it up for longer.
                let read = server
                    .execute(
                        &database,
                        "SET lock_timeout = '2s'; SELECT count(*) FROM effect",
                    )
                    .await;
                read.expect("a reader waits no longer than our lock timeout");
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Readers { stop, reads, task }
    }

    async fn stop(self) -> u32 {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.expect("no reader was stopped");
        self.reads.load(Ordering::SeqCst)
    }
}
