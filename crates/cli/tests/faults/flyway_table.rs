//! Flyway's own table: what failed outside of a transaction stands there as failed, as Flyway would have it, until it has gone on.

use crate::ground::Ground;
use greylag_lab::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_migration_is_marked_in_flyways_table_on_postgres() {
    marked(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_migration_is_marked_in_flyways_table_on_sqlite() {
    marked(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_migration_is_marked_in_flyways_table_on_mysql() {
    marked(Engine::MySql).await;
}

async fn marked(engine: Engine) {
    let Some(ground) = ground(engine).await else {
        return;
    };
    let first = "-- greylag:transaction off\nCREATE TABLE a (id int);\n";
    let file = |second: &str| ground.migration("V1__half.sql", &format!("{first}{second}"));
    file("INSERT INTO nowhere VALUES (1);\n");
    ground.run(&["apply", "--yes"]).await.ends(3);
    assert_eq!(rows(&ground).await, (1, 0), "failed and applied rows");
    // A second failure leaves no second mark.
    file("INSERT INTO nowhere_else VALUES (1);\n");
    ground.run(&["apply", "--yes"]).await.ends(3);
    assert_eq!(rows(&ground).await, (1, 0));
    file("INSERT INTO a VALUES (1);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(rows(&ground).await, (0, 1));
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("nothing to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_outside_of_a_transaction_and_left_nothing_is_marked_and_may_become_a_transaction()
 {
    let Some(ground) = ground(Engine::Postgres).await else {
        return;
    };
    ground.migration(
        "V1__index.sql",
        "CREATE INDEX CONCURRENTLY a_id ON nowhere (id);\n",
    );
    ground.run(&["apply", "--yes"]).await.ends(1);
    assert_eq!(rows(&ground).await, (1, 0));
    ground.migration("V1__index.sql", "CREATE TABLE a (id int);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(rows(&ground).await, (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rolled_back_leaves_no_mark() {
    for engine in [Engine::Postgres, Engine::Sqlite] {
        let Some(ground) = ground(engine).await else {
            continue;
        };
        ground.migration("V1__all.sql", "INSERT INTO nowhere VALUES (1);\n");
        ground.run(&["apply", "--yes"]).await.ends(1);
        assert_eq!(rows(&ground).await, (0, 0), "{engine:?}");
    }
}

async fn ground(engine: Engine) -> Option<Ground> {
    let ground = Ground::on(engine, 1).await?;
    let head = Ground::head("history-table = \"flyway_schema_history\"");
    ground.write_project("greylag.toml", &format!("{head}{}", ground.shard(0, "")));
    Some(ground)
}

/// How many rows of V1 say that it failed, and how many that it is applied.
async fn rows(ground: &Ground) -> (i64, i64) {
    let about = "SELECT count(*) FROM flyway_schema_history WHERE version = '1' AND";
    let count = async |which: &str| {
        let rows = ground.count(0, &format!("{about} {which}")).await;
        rows.expect("a number")
    };
    (count("NOT success").await, count("success").await)
}
