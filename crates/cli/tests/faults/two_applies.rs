//! Two `apply` at once on one fleet: one works, the other says who holds what, and ends with 6.

use crate::{ground::Ground, run::eventually};
use greylag_lab::Engine;

/// A migration that takes longer than the second apply needs to be turned away.
const SLOW: &str = "INSERT INTO effect SELECT 'slow' FROM (SELECT pg_sleep(4)) AS slow;\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_second_apply_on_the_same_state_says_who_is_at_it() {
    let Some(ground) = slow_ground().await else {
        return;
    };
    let mut first = ground.start(&["apply", "--yes"]);
    first.until_it_says("wave canary: 1 shard may start").await;
    let second = ground.run(&["apply", "--yes"]).await;
    second
        .ends(6)
        .says("another greylag works on this fleet: `greylag apply` of oncall@")
        .says("follow it with `greylag status --watch`");
    first.end().await.ends(0);
    each_effect_once(&ground).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_apply_with_a_state_of_its_own_is_stopped_at_the_anchor() {
    let Some(ground) = slow_ground().await else {
        return;
    };
    let shards: String = (0..2).map(|at| ground.shard(at, "")).collect();
    let text = format!(
        "{}[state]\nurl = \"sqlite:elsewhere.db\"\n{shards}",
        Ground::head("")
    );
    ground.write_project("other.toml", &text);
    let first = ground.start(&["apply", "--yes"]);
    eventually("the slow statement runs", async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'greylag/%' AND query LIKE '%pg_sleep%'";
        ground.count(0, sql).await == Some(1)
    })
    .await;
    let second = ground
        .start_on("other.toml", &["apply", "--yes"])
        .end()
        .await;
    second
        .ends(6)
        .says("holds the lock of its anchor, shard `s00`")
        .says("(greylag/");
    first.end().await.ends(0);
    each_effect_once(&ground).await;
}

async fn slow_ground() -> Option<Ground> {
    let ground = Ground::on(Engine::Postgres, 2).await?;
    ground.project("");
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL);\n",
    );
    ground.migration("V2__slow.sql", SLOW);
    Some(ground)
}

async fn each_effect_once(ground: &Ground) {
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2");
        assert_eq!(
            ground.count(shard, "SELECT count(*) FROM effect").await,
            Some(1)
        );
    }
}
