//! `-- greylag:verify`: asked on the shard once the work is there, whoever finds out that it is.

use crate::{ground::Ground, run::eventually};
use greylag_lab::{Engine, patience};

#[tokio::test(flavor = "multi_thread")]
async fn a_verify_query_that_says_no_stops_until_the_data_is_mended_on_postgres() {
    mended(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verify_query_that_says_no_stops_until_the_data_is_mended_on_mysql() {
    mended(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verify_query_that_says_no_stops_until_the_data_is_mended_on_mariadb() {
    mended(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verify_query_that_says_no_stops_until_the_data_is_mended_on_sqlite() {
    mended(Engine::Sqlite).await;
}

/// Each shard's own placeholders are in its query.
async fn mended(engine: Engine) {
    let Some(ground) = counted(engine, ["1", "2"]).await else {
        return;
    };
    let ran = ground
        .run(&["apply", "--yes"])
        .await
        .ends(3)
        .says("s01 failed in V2")
        .says("V2 is applied, but its verify query says")
        .says("count(*) = 2 FROM effect");
    assert!(!ran.said.contains("s00 failed"), "{}", ran.said);
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2", "{engine:?}");
    }
    // Asked again, and still no.
    ground.run(&["rollout", "retry", "s01"]).await.ends(0);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(3)
        .says("s01 failed in V2")
        .never_says("rolled back");
    ground.execute(1, "INSERT INTO effect VALUES ('x')").await;
    ground.run(&["rollout", "retry", "s01"]).await.ends(0);
    ground.run(&["apply", "--yes"]).await.ends(0);
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2", "{engine:?}");
        assert_eq!(ground.count(shard, TWOS).await, Some(1), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_while_the_answer_was_lost_is_verified_on_postgres() {
    found_out(Engine::Postgres, b"INTO effect VALUES").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_while_the_answer_was_lost_is_verified_on_mysql() {
    found_out(Engine::MySql, b"COMMIT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_while_the_answer_was_lost_is_verified_on_mariadb() {
    found_out(Engine::MariaDb, b"COMMIT").await;
}

async fn found_out(engine: Engine, commit: &[u8]) {
    let Some(ground) = counted(engine, ["2", "1"]).await else {
        return;
    };
    ground.proxy().cut_when_client_sends(commit);
    let ran = ground.run(&["apply", "--yes"]).await;
    let trapped = tokio::time::timeout(patience(), ground.proxy().wait_trapped(1)).await;
    assert!(trapped.is_ok(), "the trap never sprang:\n{}", ran.said);
    ran.ends(3)
        .says("it is looked at before anything else happens there")
        .says("s00 failed in V2")
        .says("V2 is applied, but its verify query says");
    assert_eq!(ground.versions(0).await, "1 2", "{engine:?}");
    ground.execute(0, "INSERT INTO effect VALUES ('x')").await;
    ground.run(&["rollout", "retry", "s00"]).await.ends(0);
    ground.run(&["apply", "--yes"]).await.ends(0);
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2", "{engine:?}");
        assert_eq!(ground.count(shard, TWOS).await, Some(1), "{engine:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_came_to_before_it_asked_is_verified_by_the_next() {
    let Some(ground) = Ground::on(Engine::Postgres, 2).await else {
        return;
    };
    ground.project("[rollout]\nmax-in-flight = 1\n");
    let answer = |body: &str| {
        format!("CREATE OR REPLACE FUNCTION answer() RETURNS boolean LANGUAGE sql AS '{body}'")
    };
    let slow = answer("SELECT pg_sleep(600) IS NOT NULL");
    ground.migration(
        "V1__effect.sql",
        &format!("CREATE TABLE effect (step varchar(10) NOT NULL);\n{slow};\n"),
    );
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration(
        "V2__row.sql",
        "-- greylag:verify SELECT answer()\nINSERT INTO effect VALUES ('2');\n",
    );
    let run = ground.start(&["apply", "--yes"]);
    eventually("it is asked", async || asked(&ground).await == Some(1)).await;
    run.kill().await;
    eventually("nobody asks any more", async || {
        asked(&ground).await == Some(0)
    })
    .await;
    assert_eq!(ground.versions(0).await, "1 2");
    for (shard, says) in [(0, "SELECT false"), (1, "SELECT true")] {
        ground.execute(shard, "DROP FUNCTION answer()").await;
        ground.execute(shard, &answer(says)).await;
    }
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(3)
        .says("s00 failed in V2")
        .says("V2 is applied, but its verify query says");
    assert_eq!(ground.versions(1).await, "1", "nothing new has started");
    ground.execute(0, &answer("SELECT true")).await;
    ground.run(&["rollout", "retry", "s00"]).await.ends(0);
    ground.run(&["apply", "--yes"]).await.ends(0);
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2");
        assert_eq!(ground.count(shard, TWOS).await, Some(1));
    }
}

const TWOS: &str = "SELECT count(*) FROM effect WHERE step = '2'";

/// Two shards on V1, one at a time, and a V2 that asks how many rows there are: of each shard, what it is to find.
async fn counted(engine: Engine, rows: [&str; 2]) -> Option<Ground> {
    let ground = Ground::on(engine, 2).await?;
    let shards: String = (rows.iter().enumerate())
        .map(|(at, rows)| ground.shard(at, &format!("placeholders = {{ rows = \"{rows}\" }}\n")))
        .collect();
    let one = "[rollout]\nmax-in-flight = 1\n";
    ground.write_project(
        "greylag.toml",
        &format!("{}{one}{shards}", Ground::head("")),
    );
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step varchar(10) NOT NULL);\n",
    );
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration(
        "V2__row.sql",
        "-- greylag:verify SELECT count(*) = ${rows} FROM effect\nINSERT INTO effect VALUES ('2');\n",
    );
    Some(ground)
}

/// Sessions of ours that wait for the answer.
async fn asked(ground: &Ground) -> Option<i64> {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'greylag/%' AND wait_event = 'PgSleep'";
    ground.count(0, sql).await
}
