//! What is pending beside an unfinished rollout: once that is done, it is planned anew in the same run, or the run ends with 4.

use crate::ground::Ground;
use greylag_lab::Engine;

const WAVES: &str = "[[rollout.wave]]\nname = \"canary\"\ncount = 1\n\n[[rollout.wave]]\nname = \"fleet\"\napproval = true\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_merged_overnight_goes_out_behind_the_rollout_that_waited() {
    for engine in [Engine::Sqlite, Engine::Postgres, Engine::MySql] {
        let Some(ground) = stopped(engine).await else {
            continue;
        };
        ground
            .run(&["plan"])
            .await
            .ends(0)
            .says("goes on with the plan it has")
            .says("planned anew once it is done: V3");
        let ran = ground
            .run(&["apply", "--yes"])
            .await
            .ends(0)
            .says("first the unfinished rollout")
            .says("done: 2 shards changed, 3 migrations applied");
        assert_eq!(ran.said.matches("is done").count(), 1, "{}", ran.said);
        for shard in 0..2 {
            assert_eq!(ground.versions(shard).await, "1 2 3", "{engine:?}");
        }
        ground
            .run(&["apply", "--yes"])
            .await
            .ends(0)
            .says("nothing to do");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_line_of_ndjson_tells_both() {
    let ground = stopped(Engine::Sqlite).await.expect("SQLite is there");
    let ran = ground
        .run(&["apply", "--yes", "--output", "ndjson"])
        .await
        .ends(0);
    let lines: Vec<serde_json::Value> = (ran.said.lines())
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let summaries: Vec<_> = (lines.iter())
        .filter(|line| line["type"] == "summary")
        .collect();
    assert_eq!(summaries.len(), 1, "{}", ran.said);
    let summary = summaries[0];
    assert_eq!(summary["verdict"], "done");
    assert_eq!(summary["migrations_applied"], 3, "{summary}");
    assert_eq!(summary["shards"]["changed"], 2, "{summary}");
    assert_eq!(summary["finished"][0]["migrations_applied"], 1, "{summary}");
    assert_ne!(summary["finished"][0]["rollout"], summary["rollout"]);
    let taken = lines.iter().filter(|line| line["type"] == "taken");
    assert_eq!(taken.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_and_an_approved_digest_cover_no_other_plan() {
    for saved in [true, false] {
        let ground = waiting().await;
        ground.run(&["plan", "-o", "old.json"]).await.ends(0);
        let text = std::fs::read_to_string(ground.file("old.json")).expect("the plan");
        let plan: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let digest = plan["digest"].as_str().expect("a digest").to_owned();
        ground.migration("V3__row.sql", "INSERT INTO effect VALUES ('3');\n");
        let mut line = vec!["apply", "--yes", "--approved-digest", &digest];
        if saved {
            line.push("old.json");
        }
        let ran = ground
            .run(&line)
            .await
            .ends(4)
            .says("is done: 1 shard changed, 1 migration applied")
            .says("V3 pending beside it on 2 shards (s00, s01)")
            .says("greylag plan && greylag apply");
        assert!(!ran.said.contains("✗"), "{}", ran.said);
        for shard in 0..2 {
            assert_eq!(ground.versions(shard).await, "1 2");
        }
        // Nothing of it has begun: it is agreed to as any plan.
        ground.run(&["apply", "--yes"]).await.ends(4);
        assert_eq!(ground.versions(0).await, "1 2 3");
        assert_eq!(ground.versions(1).await, "1 2");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_the_new_plan_is_asked_about() {
    for (answer, code, versions) in [("n\n", 4, "1 2"), ("y\n", 0, "1 2 3")] {
        let ground = stopped(Engine::Sqlite).await.expect("SQLite is there");
        let mut asked = ground.at_a_terminal();
        asked.until_it_says("digest sha256:").await;
        asked.answer("y\n").await;
        asked
            .until_it_says("pending beside it, and planned now: V3 on 2 shards")
            .await;
        asked.answer(answer).await;
        let said = asked.end().await.ends(code).said;
        assert_eq!(said.matches("Apply this to 2 shards?").count(), 2, "{said}");
        for shard in 0..2 {
            assert_eq!(ground.versions(shard).await, versions, "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_that_fails_is_a_failure_of_a_run_that_changed_something() {
    let ground = stopped(Engine::Sqlite).await.expect("SQLite is there");
    ground.migration("V3__row.sql", "INSERT INTO nowhere VALUES ('3');\n");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(3)
        .says("first the unfinished rollout")
        .says("failed in V3");
    // Only what this run did counts.
    ground.run(&["rollout", "retry"]).await.ends(0);
    ground.run(&["apply", "--yes"]).await.ends(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_and_a_choice_of_shards_hold_for_the_new_plan_too() {
    let ground = stopped(Engine::Sqlite).await.expect("SQLite is there");
    ground
        .run(&["apply", "--yes", "--to", "2"])
        .await
        .ends(0)
        .never_says("first the unfinished rollout");
    assert_eq!(ground.versions(1).await, "1 2");
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(ground.versions(1).await, "1 2 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_of_one_shard_that_waited_is_no_rollout_of_all() {
    let ground = Ground::on(Engine::Sqlite, 2)
        .await
        .expect("SQLite is there");
    let asks = "[[rollout.wave]]\nname = \"all\"\napproval = true\n";
    ground.project(asks);
    ground.migration("V1__effect.sql", "CREATE TABLE effect (step text);\n");
    ground
        .run(&["apply", "--yes", "--only", "s00"])
        .await
        .ends(4);
    ground.run(&["rollout", "approve"]).await.ends(0);
    // The approval was of the one: that of the others is asked for anew.
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(4)
        .says("pending beside it, and planned now: V1 on 1 shard")
        .says("approve it:");
    assert_eq!(ground.versions(0).await, "1");
    assert_eq!(ground.versions(1).await, "");
    ground.run(&["rollout", "approve"]).await.ends(0);
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(ground.versions(1).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_undo_takes_back_is_not_brought_back_by_the_run_that_finishes_it() {
    let ground = Ground::on(Engine::Sqlite, 2)
        .await
        .expect("SQLite is there");
    ground.project("");
    ground.migration("V1__effect.sql", "CREATE TABLE effect (step text);\n");
    ground.migration("V2__more.sql", "CREATE TABLE more (id int);\n");
    ground.migration("U2__more.sql", "DROP TABLE more;\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.project(WAVES);
    ground.run(&["undo", "--yes"]).await.ends(4);
    ground.run(&["rollout", "approve"]).await.ends(0);
    ground.run(&["apply", "--yes"]).await.ends(0);
    for shard in 0..2 {
        let there = "SELECT count(*) FROM sqlite_schema WHERE name = 'more'";
        assert_eq!(ground.count(shard, there).await, Some(0));
    }
}

/// Two shards: V2 is on the first, its second wave waits for an approval.
async fn waiting() -> Ground {
    let ground = Ground::on(Engine::Sqlite, 2)
        .await
        .expect("SQLite is there");
    ground.project("");
    ground.migration("V1__effect.sql", "CREATE TABLE effect (step text);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration("V2__row.sql", "INSERT INTO effect VALUES ('2');\n");
    ground.project(WAVES);
    ground.run(&["apply", "--yes"]).await.ends(4);
    ground
}

/// Two shards: V2 is on the first and failed on the second, which is mended and may be tried again; V3 came since.
async fn stopped(engine: Engine) -> Option<Ground> {
    let ground = Ground::on(engine, 2).await?;
    ground.project("[rollout]\nmax-in-flight = 1\n");
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step varchar(10) NOT NULL PRIMARY KEY);\n",
    );
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.execute(1, "INSERT INTO effect VALUES ('2')").await;
    ground.migration("V2__row.sql", "INSERT INTO effect VALUES ('2');\n");
    ground.run(&["apply", "--yes"]).await.ends(3);
    ground.execute(1, "DELETE FROM effect").await;
    ground.run(&["rollout", "retry"]).await.ends(0);
    ground.migration("V3__row.sql", "INSERT INTO effect VALUES ('3');\n");
    Some(ground)
}
