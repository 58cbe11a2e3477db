//! The server dies in the middle of a migration, and comes back.

use crate::{ground::Ground, run::eventually};
use greylag_lab::{Engine, Options};
use tokio::task::JoinHandle;

#[tokio::test(flavor = "multi_thread")]
async fn postgres_dies_and_the_run_brings_itself_home() {
    comes_back_at_once(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_dies_and_the_run_brings_itself_home() {
    comes_back_at_once(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_dies_and_the_run_brings_itself_home() {
    comes_back_at_once(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_stays_away_and_the_next_run_brings_it_home() {
    comes_back_later(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mysql_stays_away_and_the_next_run_brings_it_home() {
    comes_back_later(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_stays_away_and_the_next_run_brings_it_home() {
    comes_back_later(Engine::MariaDb).await;
}

/// Enough for a server that starts again.
const ATTEMPTS: u32 = 200;

async fn comes_back_at_once(engine: Engine) {
    let Some(ground) = two_shards(engine, ATTEMPTS).await else {
        return;
    };
    let holder = block(&ground).await;
    let run = ground.start(&["apply", "--yes"]);
    waits_inside_v2(&ground).await;
    ground.server().kill();
    ground.server().restart().await.expect("it starts again");
    run.end()
        .await
        .ends(0)
        .says("it is looked at before anything else happens there");
    holder.abort();
    home(&ground).await;
}

async fn comes_back_later(engine: Engine) {
    let Some(ground) = two_shards(engine, 3).await else {
        return;
    };
    let holder = block(&ground).await;
    let run = ground.start(&["apply", "--yes"]);
    waits_inside_v2(&ground).await;
    ground.server().kill();
    // Nobody can tell what became of it: no failure, and not nothing.
    run.end()
        .await
        .ends(3)
        .says("the fate of a migration is not known")
        .says("greylag apply looks what became of it")
        .never_says("greylag rollout settle");
    // Nor can the next run, which says who can't be reached.
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(3)
        .says("what became of `s00` in rollout")
        .says("can't be reached");
    ground
        .run(&["apply", "--yes", "--output", "ndjson"])
        .await
        .ends(3)
        .says("\"verdict\":\"unknown\"");
    ground.server().restart().await.expect("it starts again");
    holder.abort();
    ground.run(&["apply", "--yes"]).await.ends(0);
    home(&ground).await;
}

/// Two shards on a server of their own that loses nothing it has committed.
async fn two_shards(engine: Engine, attempts: u32) -> Option<Ground> {
    let safe = Options::default();
    let safe = match engine {
        Engine::Postgres => safe.set("fsync", "off"),
        _ => safe.set("innodb_flush_log_at_trx_commit", "1"),
    };
    let ground = Ground::alone(engine, 2, safe).await?;
    ground.project(&format!(
        "[rollout.retry]\nattempts = {attempts}\nbase = \"200ms\"\ncap = \"1s\"\n"
    ));
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step varchar(10) NOT NULL);\nINSERT INTO effect VALUES ('1');\n",
    );
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration(
        "V2__column.sql",
        "-- greylag:lock-timeout 10m\nCREATE TABLE second (id int);\nINSERT INTO second VALUES (1);\n\
         ALTER TABLE effect ADD COLUMN more int;\nINSERT INTO second VALUES (2);\n",
    );
    ground.migration("V3__last.sql", "CREATE TABLE last (id int);\n");
    Some(ground)
}

/// Somebody who keeps V2's ALTER waiting for as long as the server lives.
async fn block(ground: &Ground) -> JoinHandle<()> {
    let (sql, there) = match ground.engine {
        Engine::Postgres => (
            "BEGIN; LOCK TABLE effect IN ACCESS SHARE MODE; SELECT pg_sleep(3600)",
            "SELECT count(*) FROM pg_locks WHERE relation = 'effect'::regclass AND granted",
        ),
        _ => (
            "SELECT step, SLEEP(3600) FROM effect",
            "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND info LIKE 'SELECT step, SLEEP%'",
        ),
    };
    let holder = ground.somebody(0, sql);
    eventually("somebody holds the lock", async || {
        ground.count(0, there).await == Some(1)
    })
    .await;
    holder
}

async fn waits_inside_v2(ground: &Ground) {
    let sql = match ground.engine {
        Engine::Postgres => {
            "SELECT count(*) FROM pg_locks WHERE relation = 'effect'::regclass AND NOT granted"
        }
        _ => {
            "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id() AND info LIKE '%ALTER TABLE effect%' AND state LIKE '%metadata lock%'"
        }
    };
    eventually("V2 waits", async || ground.count(0, sql).await == Some(1)).await;
}

async fn home(ground: &Ground) {
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2 3", "s{shard:02}");
        assert_eq!(
            ground
                .count(shard, "SELECT count(*) * 10 + count(more) FROM effect")
                .await,
            Some(10)
        );
        assert_eq!(
            ground
                .count(
                    shard,
                    "SELECT count(*) * 10 + count(DISTINCT id) FROM second"
                )
                .await,
            Some(22)
        );
    }
}
