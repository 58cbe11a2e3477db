//! Files that changed while something was in flight: that is settled first, and what was agreed to must hold for the plan that
//! is then carried out.

use crate::{ground::Ground, run::eventually};
use greylag_lab::Engine;

const ASKS: &str = "[[rollout.wave]]\nname = \"all\"\napproval = true\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_from_before_the_change_is_refused_and_one_from_after_it_goes_out() {
    let Some(ground) = killed_and_edited("").await else {
        return;
    };
    ground
        .run(&["apply", "before.json", "--yes"])
        .await
        .ends(6)
        .says("the plan is no longer true")
        .says("the file of V1 changed since");
    assert_eq!(texts(&ground).await, ["", ""]);
    ground
        .run(&["plan", "-o", "after.json"])
        .await
        .ends(0)
        .says("first it is settled what became of s00");
    ground.run(&["apply", "after.json", "--yes"]).await.ends(0);
    assert_eq!(texts(&ground).await, ["after", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_from_before_the_change_is_refused_and_one_of_the_new_plan_holds() {
    let Some(ground) = killed_and_edited(ASKS).await else {
        return;
    };
    let before = digest(&ground, "before.json");
    ground
        .run(&["apply", "--yes", "--approved-digest", &before])
        .await
        .ends(6)
        .says(&format!("{before} was approved, and the plan's digest is"));
    assert_eq!(texts(&ground).await, ["", ""]);
    ground.run(&["plan", "-o", "after.json"]).await.ends(0);
    let after = digest(&ground, "after.json");
    ground
        .run(&["apply", "--yes", "--approved-digest", &after])
        .await
        .ends(0);
    assert_eq!(texts(&ground).await, ["after", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_asked_about_the_plan_that_is_carried_out() {
    let Some(ground) = killed_and_edited("").await else {
        return;
    };
    let mut asked = ground.at_a_terminal();
    asked.until_it_says("digest sha256:").await;
    asked.answer("n\n").await;
    let said = asked.end().await.ends(1).said;
    assert!(said.contains("Apply this to 2 shards?"), "{said}");
    assert!(said.contains("nothing was touched"), "{said}");
    assert_eq!(texts(&ground).await, ["", ""]);
    ground.run(&["plan", "-o", "after.json"]).await.ends(0);
    let digest = digest(&ground, "after.json");
    let mut asked = ground.at_a_terminal();
    asked.until_it_says("digest sha256:").await;
    assert!(asked.said().contains(&digest[..16]), "{}", asked.said());
    asked.answer("y\n").await;
    let said = asked.end().await.ends(0).said;
    assert_eq!(said.matches("Apply this to").count(), 1, "{said}");
    assert_eq!(texts(&ground).await, ["after", "after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_plan_that_has_gone_some_way_still_holds_where_the_state_was_lost() {
    let ground = Ground::on(Engine::Sqlite, 3)
        .await
        .expect("SQLite is always there");
    ground.project("[[rollout.wave]]\nname = \"canary\"\ncount = 1\n[[rollout.wave]]\nname = \"rest\"\napproval = true\n");
    ground.migration("V1__a.sql", "CREATE TABLE effect (step text NOT NULL);\n");
    ground.run(&["plan", "-o", "plan.json"]).await.ends(0);
    let digest = digest(&ground, "plan.json");
    ground.run(&["apply", "plan.json", "--yes"]).await.ends(4);
    std::fs::remove_dir_all(ground.file(".greylag")).expect("the state");
    let wrong = format!("sha256:{}", "0".repeat(64));
    ground
        .run(&["apply", "plan.json", "--yes", "--approved-digest", &wrong])
        .await
        .ends(6)
        .says(&wrong)
        .says(&digest);
    assert_eq!(ground.versions(1).await, "");
    ground
        .run(&["apply", "plan.json", "--yes", "--approved-digest", &digest])
        .await
        .ends(0);
    for shard in 0..3 {
        assert_eq!(ground.versions(shard).await, "1", "s{shard:02}");
    }
}

/// A plan is saved, its apply killed while V1 waits in the first shard (nothing of it stays), and V1 edited.
async fn killed_and_edited(more: &str) -> Option<Ground> {
    let ground = Ground::on(Engine::Postgres, 2).await?;
    ground.project(&format!("{more}\n[rollout]\nmax-in-flight = 1\n"));
    let create = "CREATE TABLE effect (step varchar(10) NOT NULL);\n";
    ground.migration(
        "V1__effect.sql",
        &format!("{create}INSERT INTO effect VALUES ('before');\nSELECT pg_sleep(600);\n"),
    );
    ground.run(&["plan", "-o", "before.json"]).await.ends(0);
    let digest = digest(&ground, "before.json");
    let run = ground.start(&["apply", "--yes", "--approved-digest", &digest]);
    eventually("V1 runs", async || sleepers(&ground).await == Some(1)).await;
    run.kill().await;
    eventually("what it left is gone", async || {
        sleepers(&ground).await == Some(0)
    })
    .await;
    ground.migration(
        "V1__effect.sql",
        &format!("{create}INSERT INTO effect VALUES ('after');\n"),
    );
    Some(ground)
}

async fn sleepers(ground: &Ground) -> Option<i64> {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'greylag/%' AND wait_event = 'PgSleep'";
    ground.count(0, sql).await
}

/// What V1 wrote on each shard.
async fn texts(ground: &Ground) -> Vec<String> {
    let mut texts = Vec::new();
    for shard in 0..2 {
        let there = ground.count(shard, "SELECT count(*) FROM effect").await;
        texts.push(match there {
            Some(1) => ground
                .value(shard, "SELECT step FROM effect")
                .await
                .expect("a text"),
            Some(n) => format!("{n} rows"),
            None => String::new(),
        });
    }
    texts
}

fn digest(ground: &Ground, file: &str) -> String {
    let text = std::fs::read_to_string(ground.file(file)).expect("the plan");
    let saved: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    saved["digest"].as_str().expect("a digest").to_owned()
}
