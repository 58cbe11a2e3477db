//! A migration that failed half-way stands in `greylag_step` as failed, with its error, until it has gone on.

use crate::{ground::Ground, run::eventually};
use greylag_lab::Engine;

const PROJECT: &str =
    "[rollout.retry]\nattempts = 1\n[lock]\ntimeout = \"200ms\"\ndeadline = \"1s\"\n";
const FIRST: &str = "-- greylag:transaction off\nCREATE TABLE a (id int);\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_migration_is_remembered_as_failed_on_postgres() {
    remembered(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_migration_is_remembered_as_failed_on_mysql() {
    remembered(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_migration_is_remembered_as_failed_on_mariadb() {
    remembered(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_migration_is_remembered_as_failed_on_sqlite() {
    remembered(Engine::Sqlite).await;
}

async fn remembered(engine: Engine) {
    let Some(ground) = Ground::on(engine, 1).await else {
        return;
    };
    ground.project(PROJECT);
    let file = "V1__half.sql";
    ground.migration(file, &format!("{FIRST}INSERT INTO nowhere VALUES (1);\n"));
    ground.run(&["apply", "--yes"]).await.ends(3);
    has_failed(&ground, "nowhere").await;
    // An edit of what stands is refused, and what failed is still what is remembered.
    ground.migration(
        file,
        "-- greylag:transaction off\nCREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\n",
    );
    let ran = ground.run(&["apply", "--yes"]).await;
    assert!(ran.said.contains("statement 1"), "{}", ran.said);
    has_failed(&ground, "nowhere").await;
    ground.migration(file, &format!("{FIRST}INSERT INTO a VALUES (1);\n"));
    ground.run(&["apply", "--yes"]).await.ends(0);
    let failed = "SELECT count(*) FROM greylag_step WHERE state <> 'applied'";
    assert_eq!(ground.count(0, failed).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_was_never_free_is_remembered_behind_what_stands_on_postgres() {
    locked_out(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_was_never_free_is_remembered_behind_what_stands_on_mysql() {
    locked_out(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_was_never_free_is_remembered_behind_what_stands_on_mariadb() {
    locked_out(Engine::MariaDb).await;
}

async fn locked_out(engine: Engine) {
    let Some(ground) = Ground::on(engine, 1).await else {
        return;
    };
    ground.project(PROJECT);
    ground.migration("V1__held.sql", "CREATE TABLE held (id int);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    let (lock, held) = match engine {
        Engine::Postgres => (
            "BEGIN; LOCK TABLE held; SELECT pg_sleep(3600)",
            "SELECT count(*) FROM pg_locks WHERE relation = 'held'::regclass AND mode = 'AccessExclusiveLock' AND granted",
        ),
        _ => (
            "LOCK TABLES held WRITE; SELECT SLEEP(3600)",
            "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(3600)%'",
        ),
    };
    let holder = ground.somebody(0, lock);
    eventually("it is held", async || {
        ground.count(0, held).await >= Some(1)
    })
    .await;
    ground.migration(
        "V2__half.sql",
        &format!("{FIRST}ALTER TABLE held ADD COLUMN more int;\n"),
    );
    ground.run(&["apply", "--yes"]).await.ends(3).says("lock");
    has_failed(&ground, "lock").await;
    match engine {
        Engine::Postgres => {
            ground.execute(0, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'held'::regclass AND granted").await;
        }
        _ => {
            let id = "SELECT max(id) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(3600)%' AND db = DATABASE()";
            let id = ground.value(0, id).await.expect("its id");
            ground.execute(0, &format!("KILL {id}")).await;
        }
    }
    holder.abort();
    ground
        .shell("greylag rollout retry && greylag apply --yes")
        .await
        .ends(0);
    assert_eq!(ground.versions(0).await, "1 2");
}

async fn has_failed(ground: &Ground, with: &str) {
    let sql = "SELECT concat(state, ' ', statements_done, ': ', coalesce(failure, '')) FROM greylag_step WHERE state <> 'applied'";
    let sql = match ground.engine {
        Engine::Sqlite => {
            "SELECT state || ' ' || statements_done || ': ' || coalesce(failure, '') FROM greylag_step WHERE state <> 'applied'"
        }
        _ => sql,
    };
    let row = ground.value(0, sql).await.expect("a row");
    assert!(row.starts_with("failed 1: "), "{row}");
    assert!(row.to_lowercase().contains(with), "{row}");
}
