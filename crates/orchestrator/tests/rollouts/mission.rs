//! The story that Greylag is for: shard 17 of 24 fails on its data after 16 succeeded. All three ways lead home.

use crate::world::World;
use greylag_core::{fleet::ShardName, policy::Size};
use greylag_orchestrator::{
    apply::{Summary, Verdict},
    steering::Request,
};

const UNIQUE: &str = "CREATE UNIQUE INDEX users_email ON users(email);";

/// 24 shards with users, the 17th with a duplicate; V2 has just failed there.
async fn split() -> World {
    let mut world = World::new(24);
    world.policy.max_in_flight = 1;
    world.file(
        "V1__users.sql",
        "CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT); CREATE TABLE effects(n);",
    );
    assert_eq!(world.apply().await.unwrap().verdict, Verdict::Done);
    for shard in &world.shards {
        world.sql(
            shard.as_str(),
            "INSERT INTO users(email) VALUES ('a'), ('b')",
        );
    }
    world.sql("s17", "INSERT INTO users(email) VALUES ('a')");
    world.policy.waves = vec![
        crate::world::wave("canary", Size::Count(1)),
        crate::world::wave("rest", Size::Rest),
    ];
    world.file(
        "V2__unique.sql",
        &format!("INSERT INTO effects VALUES (2); {UNIQUE}"),
    );
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Split, "{summary:#?}");
    assert_eq!(summary.exit_code, 3);
    assert_eq!(
        (
            summary.shards.done,
            summary.shards.failed,
            summary.shards.pending
        ),
        (16, 1, 7)
    );
    let failure = &summary.failed[&name("s17")];
    assert!(failure.message.contains("UNIQUE"), "{failure:?}");
    assert_eq!(failure.place.as_ref().unwrap().statement, 2);
    assert_eq!(world.count("s17", "SELECT count(*) FROM effects"), 0);
    world
}

fn name(name: &str) -> ShardName {
    name.parse().unwrap()
}

fn home(world: &World, summary: &Summary, without: &[&str]) {
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(summary.exit_code, 0);
    for shard in world
        .shards
        .iter()
        .filter(|s| !without.contains(&s.as_str()))
    {
        assert_eq!(world.applied(shard.as_str(), "2"), 1, "{shard}");
        assert_eq!(
            world.count(shard.as_str(), "SELECT count(*) FROM effects WHERE n = 2"),
            1,
            "{shard}"
        );
    }
}

#[tokio::test]
async fn the_data_is_mended_and_the_shard_retried() {
    let world = split().await;
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.exit_code, 3, "nothing is tried again unasked");
    assert_eq!(summary.migrations_applied, 0);

    world.sql("s17", "DELETE FROM users WHERE id = 3");
    let acknowledged = world
        .steer(Request::Retry {
            shards: vec![name("s17")],
        })
        .await
        .unwrap();
    assert!(!acknowledged.running);
    let summary = world.apply().await.unwrap();
    home(&world, &summary, &[]);
    assert_eq!(summary.shards.changed, 8);
}

#[tokio::test]
async fn the_file_is_edited_refused_and_repaired() {
    let mut world = split().await;
    world.file(
        "V2__unique.sql",
        &format!(
            "DELETE FROM users WHERE id NOT IN (SELECT min(id) FROM users GROUP BY email);\n\
             INSERT INTO effects VALUES (2); {UNIQUE}"
        ),
    );
    let error = world.apply().await.unwrap_err();
    assert!(error.to_string().contains("three ways on"), "{error}");

    let report = greylag_orchestrator::operations::repair(
        &world.setup().await,
        &greylag_orchestrator::operations::Repair {
            migration: Some("V2".parse().unwrap()),
            ..Default::default()
        },
        std::sync::Arc::new(greylag_orchestrator::watch::Blind),
    )
    .await
    .unwrap();
    assert_eq!(report.shards.len(), 24);
    let summary = world.apply().await.unwrap();
    home(&world, &summary, &[]);
}

#[tokio::test]
async fn the_shard_is_skipped_and_the_next_version_written() {
    let mut world = split().await;
    world
        .steer(Request::Skip {
            shards: vec![name("s17")],
            reason: "its data is mended by V3".into(),
        })
        .await
        .unwrap();
    let summary = world.apply().await.unwrap();
    home(&world, &summary, &["s17"]);
    assert_eq!(summary.shards.skipped, 1);
    assert_eq!(world.applied("s17", "2"), 0);

    world.sql("s17", "DELETE FROM users WHERE id = 3");
    world.file("V3__next.sql", "CREATE TABLE next(x);");
    let summary = world.apply().await.unwrap();
    home(&world, &summary, &[]);
    assert_eq!(world.applied("s17", "3"), 1);
}
