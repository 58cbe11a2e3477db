//! The disk of the state store is full: nothing new is touched, and once there is room, apply goes on.

use crate::{checks, ground::Ground};
use greylag_lab::{Engine, SmallDisk};

const WAVES: &str =
    "[[rollout.wave]]\nname = \"canary\"\ncount = 1\n\n[[rollout.wave]]\nname = \"fleet\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_whose_journal_finds_no_room_touches_nothing_new() {
    let Some((ground, disk)) = on_a_small_disk().await else {
        return;
    };
    let mut run = ground.start(&["apply", "--yes"]);
    run.until_it_says(checks::HELD).await;
    disk.fill().expect("it fills");
    checks::let_it_go(&ground);
    run.end()
        .await
        .ends(3)
        .says("the run had to end midway: 1 changed by it, 0 in flight")
        .says("the journal can't be written")
        .says("full")
        .says("state.db");
    assert_eq!(ground.versions(0).await, "1");
    assert_eq!(ground.versions(1).await, "");
    // Still full: refused before anything is touched.
    ground.run(&["apply", "--yes"]).await.ends(1).says("full");
    assert_eq!(ground.versions(1).await, "");
    disk.empty().expect("it empties");
    ground.run(&["apply", "--yes"]).await.ends(0);
    for shard in 0..3 {
        assert_eq!(ground.versions(shard).await, "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_from_the_start_is_said_before_anything_is_touched() {
    let Some((ground, disk)) = on_a_small_disk().await else {
        return;
    };
    disk.fill().expect("it fills");
    ground
        .run(&["apply", "--yes"])
        .await
        .ends(1)
        .says("state.db")
        .says("full");
    for shard in 0..3 {
        assert_eq!(ground.versions(shard).await, "");
    }
}

async fn on_a_small_disk() -> Option<(Ground, SmallDisk)> {
    let disk = SmallDisk::mount(2_000_000).expect("a disk")?;
    let ground = Ground::on(Engine::Sqlite, 3).await?;
    let shards: String = (0..3).map(|at| ground.shard(at, "")).collect();
    let state = format!(
        "[state]\nurl = \"sqlite:{}\"\n\n",
        disk.path().join("state.db").display()
    );
    ground.write_project(
        "greylag.toml",
        &format!(
            "{}{WAVES}{}{state}{shards}",
            Ground::head(""),
            checks::AFTER_THE_CANARY
        ),
    );
    ground.migration(
        "V1__effect.sql",
        "CREATE TABLE effect (step text NOT NULL);\n",
    );
    Some((ground, disk))
}
