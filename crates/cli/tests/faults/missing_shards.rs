//! A catalog that drops shards: they stay expected until a person forgets them.

use crate::ground::Ground;
use greylag_lab::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_the_catalog_dropped_stops_plan_and_apply_until_it_is_left_out_or_forgotten() {
    let ground = Ground::on(Engine::Sqlite, 3)
        .await
        .expect("SQLite is there");
    list(&ground, 3);
    ground.migration("V1__effect.sql", "CREATE TABLE effect (step text);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    list(&ground, 2);
    // Nothing is pending, and still one is not there.
    for verb in [&["plan"][..], &["apply", "--yes"]] {
        ground
            .run(verb)
            .await
            .ends(1)
            .says("shard `s02` was seen on")
            .says("named by neither the project nor its discovery")
            .says("greylag fleet forget s02 --reason")
            .says("--skip-unreachable");
    }
    ground
        .run(&["status"])
        .await
        .ends(5)
        .says("s02 was seen on");
    ground.migration("V2__row.sql", "INSERT INTO effect VALUES ('2');\n");
    ground.run(&["apply", "--yes"]).await.ends(1).says("`s02`");
    assert_eq!(ground.versions(0).await, "1");
    ground
        .run(&["plan", "--skip-unreachable"])
        .await
        .ends(0)
        .says("s02: it can't be reached: neither the project nor its discovery names it any more");
    ground
        .run(&["apply", "--yes", "--only", "s00"])
        .await
        .ends(0)
        .never_says("s02");
    ground
        .run(&["apply", "--yes", "--skip-unreachable"])
        .await
        .ends(0)
        .says("s02 was not reached");
    assert_eq!(ground.versions(1).await, "1 2");
    ground.run(&["apply", "--yes"]).await.ends(1);
    ground
        .run(&["fleet", "forget", "s02", "--reason", "sold"])
        .await
        .ends(0);
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(0)
        .says("2 shards up to date");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_with_work_left_that_the_catalog_dropped_stops_its_rollout() {
    let ground = Ground::on(Engine::Sqlite, 3)
        .await
        .expect("SQLite is there");
    let asks = "[[rollout.wave]]\nname = \"canary\"\ncount = 1\n\n[[rollout.wave]]\nname = \"fleet\"\napproval = true\n";
    ground.project("");
    ground.migration("V1__effect.sql", "CREATE TABLE effect (step text);\n");
    ground.run(&["apply", "--yes"]).await.ends(0);
    ground.migration("V2__row.sql", "INSERT INTO effect VALUES ('2');\n");
    ground.project(asks);
    ground.run(&["apply", "--yes"]).await.ends(4);
    ground.run(&["rollout", "approve"]).await.ends(0);
    let shards: String = (0..2).map(|at| ground.shard(at, "")).collect();
    let text = format!("{}{asks}{shards}", Ground::head(""));
    ground.write_project("greylag.toml", &text);
    ground.run(&["apply", "--yes"]).await.ends(1).says("`s02`");
    assert_eq!(ground.versions(1).await, "1");
    ground
        .run(&["apply", "--yes", "--skip-unreachable"])
        .await
        .ends(6)
        .says("has `s02`")
        .says("greylag rollout abort");
    let abort = ["rollout", "abort", "--reason", "without it", "--yes"];
    ground.run(&abort).await.ends(0);
    ground
        .run(&["apply", "--yes", "--skip-unreachable"])
        .await
        .ends(0)
        .says("s02 was not reached");
    assert_eq!(ground.versions(1).await, "1 2");
    ground.project("");
    ground.run(&["apply", "--yes"]).await.ends(0);
    assert_eq!(ground.versions(2).await, "1 2");
}

/// A catalog with the first few shards.
fn list(ground: &Ground, shards: usize) {
    let rows: String = (0..shards)
        .map(|at| format!("s{at:02},sqlite:{}\n", ground.databases[at]))
        .collect();
    std::fs::write(ground.file("shards.csv"), format!("name,primary\n{rows}")).expect("a list");
    let discover = "[[discover]]\nkind = \"file\"\npath = \"shards.csv\"\n";
    ground.write_project("greylag.toml", &format!("{}{discover}", Ground::head("")));
}
