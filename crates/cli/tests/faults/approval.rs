//! An approval is bound to the plan's digest.

use crate::ground::Ground;
use greylag_lab::Engine;

const ASKS: &str = "[[rollout.wave]]\nname = \"canary\"\ncount = 1\n\n[[rollout.wave]]\nname = \"fleet\"\napproval = true\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_wave_that_asks_ends_the_run_with_the_command_that_approves() {
    let ground = asking().await;
    let waiting = ground
        .run(&["apply", "--yes"])
        .await
        .ends(4)
        .says("for an approval of sha256:");
    assert_eq!(ground.versions(0).await, "1");
    assert_eq!(ground.versions(1).await, "");
    let command = waiting.command("greylag rollout approve --digest");
    let (approve, apply) = command.split_once(" && ").expect("two commands");
    assert_eq!(apply, "greylag apply");
    let words: Vec<&str> = approve.split(' ').skip(1).collect();
    ground.run(&words).await.ends(0).says("approved");
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground
        .run(&["rollout", "show", "--events"])
        .await
        .ends(0)
        .says("oncall@");
    assert_eq!(ground.versions(1).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_of_another_digest_is_refused() {
    let ground = asking().await;
    ground.run(&["apply", "--yes"]).await.ends(4);
    let other = format!("sha256:{}", "0".repeat(64));
    ground
        .run(&["rollout", "approve", "--digest", &other])
        .await
        .ends(6)
        .says(&other);
    ground.run(&["apply", "--yes"]).await.ends(4);
    assert_eq!(ground.versions(1).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_plan_needs_an_approval_of_its_own() {
    let ground = Ground::on(Engine::Sqlite, 2)
        .await
        .expect("SQLite is always there");
    ground.project("[[rollout.wave]]\nname = \"all\"\napproval = true\n");
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL);\n",
    );
    ground.run(&["apply", "--yes"]).await.ends(4);
    ground.run(&["rollout", "approve"]).await.ends(0);
    // No shard has it yet: the edit supersedes the rollout that was approved.
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL, more int);\n",
    );
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(4)
        .says("superseded")
        .says("for an approval of");
    for shard in 0..2 {
        assert_eq!(ground.versions(shard).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_goes_out_with_the_digest_that_was_approved() {
    let ground = asking().await;
    let plan = ground.run(&["plan", "-o", "plan.json"]).await.ends(0);
    let digest = plan
        .command("sha256:")
        .split_whitespace()
        .next()
        .expect("a digest")
        .to_owned();
    let text = std::fs::read_to_string(ground.file("plan.json")).expect("the plan");
    let saved: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let full = saved["digest"].as_str().expect("a digest").to_owned();
    assert!(
        full.starts_with(digest.trim_end_matches('…')),
        "{digest} is not {full}"
    );
    let wrong = format!("sha256:{}", "0".repeat(64));
    ground
        .run(&["apply", "plan.json", "--yes", "--approved-digest", &wrong])
        .await
        .ends(6)
        .says(&wrong)
        .says(&full);
    assert_eq!(ground.versions(0).await, "");
    ground
        .run(&["apply", "plan.json", "--yes", "--approved-digest", &full])
        .await
        .ends(0);
    assert_eq!(ground.versions(1).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_that_is_no_longer_true_is_refused() {
    let ground = asking().await;
    ground.run(&["plan", "-o", "plan.json"]).await.ends(0);
    ground.migration("V2__more.sql", "CREATE TABLE more (id int);\n");
    ground
        .run(&["apply", "plan.json", "--yes"])
        .await
        .ends(6)
        .says("the plan is no longer true")
        .says("again with `greylag plan`");
    assert_eq!(ground.versions(0).await, "");
}

async fn asking() -> Ground {
    let ground = Ground::on(Engine::Sqlite, 2)
        .await
        .expect("SQLite is always there");
    ground.project(ASKS);
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL);\n",
    );
    ground
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_goes_out_with_the_digest_that_was_approved() {
    let ground = asking().await;
    ground.project("");
    ground.migration("V2__more.sql", "CREATE TABLE more (id int);\n");
    ground.migration("U2__more.sql", "DROP TABLE more;\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.project(ASKS);
    let plan = ground.run(&["undo", "--dry-run"]).await.ends(0);
    let digest = plan.command("sha256:");
    let other = format!("sha256:{}", "0".repeat(64));
    ground
        .run(&["undo", "--yes", "--approved-digest", &other])
        .await
        .ends(6)
        .says(&other);
    assert_eq!(ground.versions(0).await, "1 2");
    ground
        .run(&["undo", "--yes", "--approved-digest", &digest])
        .await
        .ends(0);
    for shard in 0..2 {
        let more = ground.count(shard, "SELECT count(*) FROM more").await;
        assert_eq!(more, None, "s{shard:02}");
    }
}
