//! After a failure only ways are offered that lead on: by what went wrong, and by who has the file.

use crate::{ground::Ground, run::Ran};
use greylag_lab::Engine;

const ONE: &str = "[rollout]\nmax-in-flight = 1\ngroup = \"never\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_wrong_everywhere_is_edited_and_no_data_is_mended() {
    let ground = sqlite(2).await;
    ground.project(ONE);
    ground.migration("V1__bad.sql", "CRATE TABLE a (id int);\n");
    let said = failed(&ground, 1).await;
    let said = said
        .says("edit the file:  change V1, then greylag apply")
        .never_says("mend the data")
        .never_says("greylag repair")
        .never_says("rollout retry")
        .never_says("rollout skip");
    // As printed.
    ground.migration("V1__bad.sql", "CREATE TABLE a (id int);\n");
    let command = said.command("greylag apply");
    ground.shell(&format!("{command} --yes")).await.ends(0);
    assert_eq!(ground.versions(1).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_lacks_a_table_has_its_schema_mended_where_others_have_the_file() {
    let ground = sqlite(2).await;
    ground.project(ONE);
    ground.migration("V1__a.sql", "CREATE TABLE a (id int);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.execute(1, "DROP TABLE a").await;
    ground.migration("V2__b.sql", "INSERT INTO a VALUES (1);\n");
    failed(&ground, 3)
        .await
        .says("mend the schema of s01:  greylag rollout retry s01 && greylag apply")
        .says("change V2, then greylag repair V2 --reason … && greylag apply  (1 shard has it already)")
        .says("greylag rollout skip s01")
        .never_says("mend the data");
    ground.execute(1, "CREATE TABLE a (id int)").await;
    ground
        .shell("greylag rollout retry s01 && greylag apply --yes")
        .await
        .ends(0);
    assert_eq!(ground.versions(1).await, "1 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_the_first_shard_is_mended_or_the_file_edited_without_a_repair() {
    let ground = sqlite(2).await;
    ground.project(ONE);
    ground.migration("V1__a.sql", "CREATE TABLE a (id int);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.execute(0, "INSERT INTO a VALUES (1), (1)").await;
    ground.migration("V2__b.sql", "CREATE UNIQUE INDEX a_id ON a (id);\n");
    failed(&ground, 1)
        .await
        .says("mend the data on s00:  greylag rollout retry s00 && greylag apply")
        .says("edit the file:  change V2, then greylag apply")
        .never_says("greylag repair");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_privilege_is_granted() {
    let Some(ground) = Ground::on(Engine::Postgres, 1).await else {
        return;
    };
    ground.project(ONE);
    ground
        .execute(
            0,
            "CREATE TABLE theirs (id int); REVOKE ALL ON theirs FROM PUBLIC",
        )
        .await;
    ground.migration("V1__a.sql", "INSERT INTO theirs VALUES (1);\n");
    let ran = ground.run(&["apply", "--yes", "--claim", "1"]).await;
    ran.ends(1)
        .says("permission")
        .says("grant what is missing on s00:  greylag rollout retry s00 && greylag apply")
        .never_says("mend the data")
        .never_says("greylag repair");
    ground.execute(0, "GRANT ALL ON theirs TO greylag").await;
    ground
        .shell("greylag rollout retry s00 && greylag apply --yes")
        .await
        .ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_ran_half_way_is_changed_behind_what_stands() {
    let Some(ground) = Ground::on(Engine::Postgres, 1).await else {
        return;
    };
    ground.project(ONE);
    let first = "-- greylag:transaction off\nCREATE TABLE a (id int);\n";
    ground.migration(
        "V1__half.sql",
        &format!("{first}INSERT INTO nowhere VALUES (1);\n"),
    );
    failed(&ground, 3)
        .await
        .says("edit the file:  change V1 behind its first 1 statement, then greylag apply");
    ground.migration(
        "V1__half.sql",
        &format!("{first}INSERT INTO a VALUES (1);\n"),
    );
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(ground.count(0, "SELECT count(*) FROM a").await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_that_fail_alike_are_told_together() {
    let ground = sqlite(3).await;
    ground.project("[[rollout.wave]]\nname = \"canary\"\ncount = 1\n[[rollout.wave]]\nname = \"rest\"\n[rollout]\nmax-in-flight = 2\nfailure-budget = 2\n");
    ground.migration("V1__a.sql", "CREATE TABLE a (id int);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    for shard in 1..3 {
        ground.execute(shard, "INSERT INTO a VALUES (1), (1)").await;
    }
    ground.migration("V2__b.sql", "CREATE UNIQUE INDEX a_id ON a (id);\n");
    let said = failed(&ground, 3).await;
    let said = said
        .says("mend the data on 2 shards:  greylag rollout retry s01 s02 && greylag apply")
        .says("greylag rollout skip s01 s02 --reason");
    assert_eq!(said.said.matches("ways on").count(), 1, "{}", said.said);
}

async fn failed(ground: &Ground, code: i32) -> Ran {
    ground.run(&["apply", "--yes"]).await.ends(code)
}

async fn sqlite(shards: usize) -> Ground {
    Ground::on(Engine::Sqlite, shards)
        .await
        .expect("SQLite is always there")
}
