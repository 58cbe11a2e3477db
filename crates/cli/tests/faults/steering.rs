//! Steered from a second process while `apply` runs in the first.

use crate::{
    door::{Door, THROUGH},
    ground::Ground,
    run::eventually,
};
use greylag_lab::Engine;

/// Two waves, with time between for a person to act.
const SOAKING: &str = "[[rollout.wave]]\nname = \"canary\"\ncount = 1\nsoak = \"1h\"\n\n[[rollout.wave]]\nname = \"fleet\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_from_another_process_reaches_a_running_apply_and_outlives_it() {
    let Some(ground) = soaking(Engine::Sqlite).await else {
        return;
    };
    let mut first = ground.start(&["apply", "--yes"]);
    first.until_it_says("soaking until").await;
    ground
        .run(&["rollout", "pause", "--reason", "the pager rings"])
        .await
        .ends(0)
        .says("paused");
    // Without a terminal a pause ends the run.
    first
        .end()
        .await
        .ends(4)
        .says("paused by oncall")
        .says("the pager rings")
        .says("greylag rollout resume");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(4)
        .says("the pager rings");
    ground.run(&["rollout", "resume"]).await.ends(0);
    let mut again = ground.start(&["apply", "--yes"]);
    again.until_it_says("soaking until").await;
    again.interrupt().await;
    again.end().await;
    assert_eq!(ground.versions(0).await, "1");
    assert_eq!(ground.versions(1).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abort_from_another_process_ends_the_rollout_for_good() {
    let Some(ground) = soaking(Engine::Sqlite).await else {
        return;
    };
    let mut first = ground.start(&["apply", "--yes"]);
    first.until_it_says("soaking until").await;
    ground
        .run(&["rollout", "abort", "--reason", "wrong fleet", "--yes"])
        .await
        .ends(0)
        .says("aborted");
    first
        .end()
        .await
        .ends(3)
        .says("aborted by oncall")
        .says("wrong fleet");
    assert_eq!(ground.versions(0).await, "1");
    assert_eq!(ground.versions(1).await, "");
    ground
        .run(&["rollout", "resume"])
        .await
        .ends(2)
        .says("no unfinished rollout");
    ground
        .run(&["rollout", "list"])
        .await
        .ends(0)
        .says("aborted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_between_runs_is_durable_before_it_is_acknowledged() {
    let Some(ground) = soaking(Engine::Sqlite).await else {
        return;
    };
    let mut first = ground.start(&["apply", "--yes"]);
    first.until_it_says("soaking until").await;
    first.kill().await;
    ground
        .run(&["rollout", "pause"])
        .await
        .ends(0)
        .says("paused");
    ground.run(&["status"]).await.ends(0).says("paused");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(4)
        .says("paused by oncall");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_interrupt_drains() {
    drains_on("INT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sigterm_drains_as_an_interrupt_does() {
    drains_on("TERM").await;
}

async fn drains_on(signal: &str) {
    let Some(ground) = long_statement(THROUGH).await else {
        return;
    };
    let door = Door::shut(&ground, 0).await;
    let mut run = ground.start(&["apply", "--yes"]);
    door.until_it_waits().await;
    run.signal(signal).await;
    run.until_it_says("^C again cancels").await;
    door.open().await;
    // The migration in flight is finished, the list is not: V3 stays where it is.
    let ended = run.end().await;
    assert_eq!(ground.versions(0).await, "1 2", "{}", ended.said);
    assert_eq!(ground.versions(1).await, "", "{}", ended.said);
    ended.ends(3);
    ground.run(&["apply", "--yes"]).await.ends(0);
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2 3");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_interrupt_cancels_on_the_server() {
    let asleep = "INSERT INTO effect SELECT '2' FROM pg_sleep(600);\n";
    let Some(ground) = long_statement(asleep).await else {
        return;
    };
    let mut run = ground.start(&["apply", "--yes"]);
    runs_on_the_server(&ground).await;
    run.interrupt().await;
    run.until_it_says("^C again cancels").await;
    run.interrupt().await;
    let ended = run.end().await;
    assert_eq!(
        at_work(&ground).await,
        Some(0),
        "the statement is gone:\n{}",
        ended.said
    );
    assert_eq!(ground.versions(0).await, "1", "{}", ended.said);
    ended.ends(3);
    ground.migration("V2__long.sql", "INSERT INTO effect VALUES ('2');\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "1 2 3");
        assert_eq!(
            ground.count(shard, "SELECT count(*) FROM effect").await,
            Some(1)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_interrupt_cancels_on_mysql_and_mariadb() {
    for engine in [Engine::MySql, Engine::MariaDb] {
        let Some(ground) = Ground::on(engine, 1).await else {
            continue;
        };
        ground.project("");
        ground.migration(
            "V1__effect.sql",
            "CREATE TABLE effect (step varchar(10) NOT NULL);\n",
        );
        ground.migration(
            "V2__long.sql",
            "INSERT INTO effect VALUES ('2a');\nINSERT INTO effect SELECT '2b' FROM (SELECT SLEEP(3600)) AS slow;\n",
        );
        let sql = "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id() AND info LIKE '%SLEEP(3600)%'";
        let mut run = ground.start(&["apply", "--yes"]);
        eventually("the long statement runs", async || {
            ground.count(0, sql).await == Some(1)
        })
        .await;
        run.interrupt().await;
        run.until_it_says("^C again cancels").await;
        run.interrupt().await;
        let ended = run.end().await;
        assert_eq!(
            ground.count(0, sql).await,
            Some(0),
            "{engine:?}: {}",
            ended.said
        );
        assert_eq!(ground.versions(0).await, "1", "{engine:?}: {}", ended.said);
        ended.ends(3);
        ground.migration(
            "V2__long.sql",
            "INSERT INTO effect VALUES ('2a');\nINSERT INTO effect VALUES ('2b');\n",
        );
        ground.run(&["apply", "--yes"]).await.ends(0);
        assert_eq!(ground.versions(0).await, "1 2", "{engine:?}");
        let each = "SELECT count(*) * 10 + count(DISTINCT step) FROM effect";
        assert_eq!(ground.count(0, each).await, Some(22), "{engine:?}");
    }
}

async fn soaking(engine: Engine) -> Option<Ground> {
    let ground = Ground::on(engine, 2).await?;
    ground.project(SOAKING);
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL);\n",
    );
    Some(ground)
}

/// V2 is at work on the server for long.
async fn long_statement(v2: &str) -> Option<Ground> {
    let ground = Ground::on(Engine::Postgres, 2).await?;
    ground.project("");
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL);\n",
    );
    ground.migration("V2__long.sql", v2);
    ground.migration("V3__last.sql", "CREATE TABLE last (id int);\n");
    Some(ground)
}

async fn runs_on_the_server(ground: &Ground) {
    eventually("the long statement runs", async || {
        at_work(ground).await == Some(1)
    })
    .await;
}

async fn at_work(ground: &Ground) -> Option<i64> {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'greylag/%' AND wait_event = 'PgSleep'";
    ground.count(0, sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_shards_are_retried_and_skipped_while_apply_works_on_others() {
    let Some(ground) = Ground::on(Engine::Postgres, 4).await else {
        return;
    };
    let tolerant = "[rollout]\nfailure-budget = 2\n\n[[rollout.wave]]\nname = \"canary\"\ncount = 1\n\n[[rollout.wave]]\nname = \"fleet\"\n";
    ground.project(tolerant);
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL);\n",
    );
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration(
        "V2__more.sql",
        &format!("{THROUGH}ALTER TABLE effect ADD COLUMN more int;\n"),
    );
    for shard in [1, 2] {
        ground
            .execute(shard, "ALTER TABLE effect ADD COLUMN more text")
            .await;
    }
    // The first of the fleet is slow: all that follows happens while it is at work.
    let door = Door::shut(&ground, 3).await;
    let mut run = ground.start(&["apply", "--yes"]);
    door.until_it_waits().await;
    run.until_it_says("s01 failed in V2").await;
    run.until_it_says("s02 failed in V2").await;
    ground
        .execute(1, "ALTER TABLE effect DROP COLUMN more")
        .await;
    ground
        .run(&["rollout", "retry", "s01"])
        .await
        .ends(0)
        .says("may be tried again: `s01`");
    eventually("s01 is tried again", async || {
        ground.versions(1).await == "1 2"
    })
    .await;
    ground
        .run(&["rollout", "skip", "s02", "--reason", "its owner is asleep"])
        .await
        .ends(0)
        .says("left out of this rollout: `s02`");
    assert_eq!(ground.versions(3).await, "1", "{}", run.said());
    door.open().await;
    let ended = run.end().await;
    let said = ended.ends(0).said;
    for (shard, versions) in [(0, "1 2"), (1, "1 2"), (2, "1"), (3, "1 2")] {
        assert_eq!(
            ground.versions(shard).await,
            versions,
            "s{shard:02}: {said}"
        );
    }
    ground
        .run(&["rollout", "list"])
        .await
        .ends(0)
        .never_says("unfinished");
    // Still pending there, and the next rollout's.
    ground
        .execute(2, "ALTER TABLE effect DROP COLUMN more")
        .await;
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(ground.versions(2).await, "1 2");
}
