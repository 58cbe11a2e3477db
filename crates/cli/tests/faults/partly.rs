//! A shard that had some of its work before it failed: it counts as changed and as failed, and the fleet is split.

use crate::ground::Ground;
use greylag_lab::Engine;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_failed_behind_a_migration_it_got_is_changed_and_failed() {
    let ground = Ground::on(Engine::Sqlite, 2)
        .await
        .expect("SQLite is always there");
    ground.project("[rollout]\nmax-in-flight = 1\ngroup = \"never\"\n");
    ground.migration("V1__a.sql", "CREATE TABLE a (id int);\n");
    ground.migration("V2__bad.sql", "INSERT INTO nowhere VALUES (1);\n");
    is_split(&ground, "V2").await;
    assert_eq!(ground.versions(0).await, "1");
    assert_eq!(ground.versions(1).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_with_statements_that_stand_is_changed_and_failed_on_postgres() {
    with_statements_that_stand(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_with_statements_that_stand_is_changed_and_failed_on_mysql() {
    with_statements_that_stand(Engine::MySql).await;
}

async fn with_statements_that_stand(engine: Engine) {
    let Some(ground) = Ground::on(engine, 2).await else {
        return;
    };
    ground.project("[rollout]\nmax-in-flight = 1\n");
    ground.migration(
        "V1__half.sql",
        "-- greylag:transaction off\nCREATE TABLE a (id int);\nINSERT INTO nowhere VALUES (1);\n",
    );
    is_split(&ground, "V1").await;
    assert_eq!(
        ground.count(0, "SELECT count(*) FROM a").await,
        Some(0),
        "its first statement stands"
    );
}

/// The first run says so to people, the second (after a retry, in which it fails again) to programs.
async fn is_split(ground: &Ground, failing: &str) {
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(3)
        .says("the fleet is split")
        .says("changed         1  s00")
        .says("not changed     1  s01")
        .says("failed          1  s00")
        .says(&format!("s00 failed in {failing}"));
    let _ = std::fs::remove_dir_all(ground.file(".greylag"));
    for shard in 0..1 {
        forget(ground, shard).await;
    }
    let ran = ground
        .run(&["apply", "--yes", "--output", "ndjson"])
        .await
        .ends(3);
    let summary: Value = (ran.said.lines())
        .filter_map(|line| serde_json::from_str(line).ok())
        .find(|line: &Value| line["type"] == "summary")
        .expect("a summary");
    assert_eq!(summary["verdict"], "split");
    assert_eq!(
        (
            &summary["shards"]["changed"],
            &summary["shards"]["failed"],
            &summary["shards"]["pending"]
        ),
        (&1.into(), &1.into(), &1.into()),
        "{summary:#}"
    );
}

/// The shard is as it was before.
async fn forget(ground: &Ground, shard: usize) {
    for table in ["a", "greylag_schema_history", "greylag_step"] {
        ground
            .execute(shard, &format!("DROP TABLE IF EXISTS {table}"))
            .await;
    }
}
