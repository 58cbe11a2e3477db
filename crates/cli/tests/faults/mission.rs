//! Shard 17 of 24 fails on its data after 16 succeeded: three ways lead home.

use crate::ground::Ground;
use greylag_lab::Engine;

/// The seventeenth by name.
const ODD: usize = 16;

/// One after the other, so that the order is exact.
const ONE_BY_ONE: &str = "[rollout]\nmax-in-flight = 1\nmax-per-host = 1\n\n[[rollout.wave]]\nname = \"all\"\n\n\
    [lint.severity]\nadd-index-blocking = \"off\"\n";

const UNIQUE: &str = "CREATE UNIQUE INDEX people_email ON people (email);\n";

#[tokio::test(flavor = "multi_thread")]
async fn data_mended_and_the_shard_retried_brings_postgres_home() {
    mended_and_retried(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_mended_and_the_shard_retried_brings_sqlite_home() {
    mended_and_retried(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_edited_and_repaired_brings_postgres_home() {
    edited_and_repaired(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_edited_and_repaired_brings_sqlite_home() {
    edited_and_repaired(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shard_skipped_and_the_next_version_written_brings_postgres_home() {
    skipped(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shard_skipped_and_the_next_version_written_brings_sqlite_home() {
    skipped(Engine::Sqlite).await;
}

async fn mended_and_retried(engine: Engine) {
    let Some(ground) = stopped_at_seventeen(engine).await else {
        return;
    };
    mend(&ground).await;
    // Mended data alone is not enough: somebody must say so.
    ground.run(&["apply", "--yes"]).await.ends(3).says("s16");
    ground
        .run(&["rollout", "retry", "s16"])
        .await
        .ends(0)
        .says("s16");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("done: 8 shards changed");
    for shard in 0..24 {
        assert_eq!(ground.versions(shard).await, "1 2", "s{shard:02}");
    }
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("nothing to do");
}

async fn edited_and_repaired(engine: Engine) {
    let Some(ground) = stopped_at_seventeen(engine).await else {
        return;
    };
    let before = checksum(&ground, 0).await;
    ground.migration(
        "V2__unique.sql",
        &format!("DELETE FROM people WHERE id = 2;\n{UNIQUE}"),
    );
    let refused = ground.run(&["apply", "--yes"]).await.ends(6);
    // Both checksums, the shards, and the three ways.
    let refused = refused
        .says("V2")
        .says(&before)
        .says("s00")
        .says("greylag rollout retry")
        .says("greylag repair V2 --reason")
        .says("greylag rollout skip");
    assert_eq!(ground.versions(ODD).await, "1", "{}", refused.said);
    ground
        .run(&[
            "repair",
            "V2",
            "--reason",
            "the same but for doubles",
            "--yes",
        ])
        .await
        .ends(0)
        .says(&before);
    let after = checksum(&ground, 0).await;
    assert_ne!(after, before);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("done: 8 shards changed");
    for shard in 0..24 {
        assert_eq!(ground.versions(shard).await, "1 2", "s{shard:02}");
        assert_eq!(checksum(&ground, shard).await, after, "s{shard:02}");
    }
    assert_eq!(
        ground.count(ODD, "SELECT count(*) FROM people").await,
        Some(1)
    );
}

async fn skipped(engine: Engine) {
    let Some(ground) = stopped_at_seventeen(engine).await else {
        return;
    };
    ground
        .run(&["rollout", "skip", "s16", "--reason", "its owner is asleep"])
        .await
        .ends(0)
        .says("s16");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("7 shards changed");
    assert_eq!(ground.versions(ODD).await, "1");
    assert_eq!(ground.versions(23).await, "1 2");
    // Still pending there: not forgotten.
    ground
        .run(&["status"])
        .await
        .ends(5)
        .says("failed in V2")
        .says("1 skipped");
    mend(&ground).await;
    ground.migration("V3__more.sql", "ALTER TABLE people ADD COLUMN more int;\n");
    let run = ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(ground.versions(ODD).await, "1 2 3", "{}", run.said);
    assert_eq!(ground.versions(23).await, "1 2 3", "{}", run.said);
}

/// Twenty-four shards with V1; V2 meets doubles on the seventeenth.
async fn stopped_at_seventeen(engine: Engine) -> Option<Ground> {
    let ground = Ground::on(engine, 24).await?;
    ground.project(ONE_BY_ONE);
    ground.migration(
        "V1__people.sql",
        "CREATE TABLE people (id int NOT NULL, email varchar(50));\nINSERT INTO people VALUES (1, 'anna@example.com');\n",
    );
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("24 shards changed");
    ground
        .execute(ODD, "INSERT INTO people VALUES (2, 'anna@example.com')")
        .await;
    ground.migration("V2__unique.sql", UNIQUE);
    let run = ground
        .run(&["apply", "--yes"])
        .await
        .ends(3)
        .says("the fleet is split")
        .says("s16 failed in V2")
        .says("V2__unique.sql:1")
        .says("greylag rollout retry s16")
        .says("greylag repair V2 --reason")
        .says("greylag rollout skip s16 --reason");
    for shard in 0..24 {
        let has = if shard < ODD { "1 2" } else { "1" };
        assert_eq!(
            ground.versions(shard).await,
            has,
            "s{shard:02}:\n{}",
            run.said
        );
    }
    Some(ground)
}

async fn mend(ground: &Ground) {
    ground.execute(ODD, "DELETE FROM people WHERE id = 2").await;
}

async fn checksum(ground: &Ground, shard: usize) -> String {
    let sql = "SELECT checksum FROM greylag_schema_history WHERE version = '2'";
    ground.value(shard, sql).await.expect("V2 has a checksum")
}
