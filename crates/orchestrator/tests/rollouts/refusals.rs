//! What is refused before anything is touched.

use crate::world::World;
use greylag_orchestrator::{
    Exit, Explained,
    apply::{ApplyError, Options, Verdict},
    planning::{Ask, PlanningError},
};

fn exit(error: &ApplyError) -> Exit {
    error.exit()
}

#[tokio::test]
async fn one_database_under_two_names_is_refused() {
    let mut world = World::new(2);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    std::fs::remove_file(world.path("s02")).unwrap();
    std::os::unix::fs::symlink(world.path("s01"), world.path("s02")).unwrap();
    let error = world.apply().await.unwrap_err();
    assert_eq!(exit(&error), Exit::Refused);
    assert!(error.to_string().contains("one and the same"), "{error}");
    assert_eq!(world.count("s01", "SELECT count(*) FROM sqlite_schema"), 0);
}

#[tokio::test]
async fn a_database_with_tables_is_claimed_only_when_it_is_expected() {
    let mut world = World::new(3);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.sql("s02", "CREATE TABLE old(x)");
    let error = world.apply().await.unwrap_err();
    assert_eq!(exit(&error), Exit::Refused);
    assert!(error.to_string().contains("`s02`"), "{error}");

    let claim = |n| Ask {
        claim: Some(n),
        ..Ask::default()
    };
    let error = world
        .apply_as(&claim(2), &Options::default())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            ApplyError::Planning(PlanningError::ClaimCount {
                asked: 2,
                found: 1,
                ..
            })
        ),
        "{error}"
    );
    let summary = world
        .apply_as(&claim(1), &Options::default())
        .await
        .unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(world.applied("s02", "1"), 1);
}

#[tokio::test]
async fn a_database_with_nothing_pending_is_claimed_all_the_same() {
    let mut world = World::new(2);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.apply().await.unwrap();
    // Its history says all is there, and nothing says who it is; the store does not know it either.
    world.sql("s02", "DELETE FROM greylag_shard");
    world.state = "state/other.db";
    let error = world.apply().await.unwrap_err();
    assert_eq!(exit(&error), Exit::Refused);
    let ask = Ask {
        claim: Some(1),
        ..Ask::default()
    };
    let summary = world.apply_as(&ask, &Options::default()).await.unwrap();
    assert_eq!(
        (summary.verdict, summary.migrations_applied),
        (Verdict::Done, 0),
        "{summary:#?}"
    );
    let named = "SELECT count(*) FROM greylag_shard WHERE name = 's02'";
    assert_eq!(world.count("s02", named), 1);
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}

#[tokio::test]
async fn an_unreachable_shard_stops_everything_unless_it_is_left_out() {
    let mut world = World::new(3);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    std::fs::remove_file(world.path("s03")).unwrap();
    let error = world.apply().await.unwrap_err();
    assert_eq!(exit(&error), Exit::Error);
    assert_eq!(world.count("s01", "SELECT count(*) FROM sqlite_schema"), 0);

    let ask = Ask {
        skip_unreachable: true,
        ..Ask::default()
    };
    let summary = world.apply_as(&ask, &Options::default()).await.unwrap();
    assert_eq!(summary.shards.unreached, 1);
    assert!(summary.unreached.contains_key("s03"));
    assert_eq!(world.applied("s01", "1"), 1);
}

#[tokio::test]
async fn another_environment_and_a_copy_under_another_name_are_refused() {
    let mut world = World::new(2);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.apply().await.unwrap();
    world.file("V2__b.sql", "CREATE TABLE b(x);");

    world.environment = "production";
    world.state = "state/other.db";
    let error = world.apply().await.unwrap_err();
    assert_eq!(exit(&error), Exit::Refused);
    assert!(
        error.to_string().contains("test") && error.to_string().contains("production"),
        "{error}"
    );
    world.environment = "test";
    world.state = "state/state.db";

    std::fs::copy(world.path("s01"), world.path("s02")).unwrap();
    let error = world.apply().await.unwrap_err();
    assert_eq!(exit(&error), Exit::Refused);
    assert!(
        error.to_string().contains("`s01`") && error.to_string().contains("`s02`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_changed_file_that_a_shard_has_is_refused_with_the_three_ways_on() {
    let mut world = World::new(2);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.apply().await.unwrap();
    world.file("V1__a.sql", "CREATE TABLE a(y);");
    let error = world.apply().await.unwrap_err();
    assert_eq!(exit(&error), Exit::Refused);
    let text = error.to_string();
    for way in ["retry", "repair", "skip"] {
        assert!(text.contains(way), "{text}");
    }
}

#[tokio::test]
async fn a_shard_that_lost_its_identity_is_refused() {
    let mut world = World::new(2);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.apply().await.unwrap();
    // A second look remembers what the first run claimed.
    world.apply().await.unwrap();
    std::fs::write(world.path("s02"), b"").unwrap();
    let error = world.apply().await.unwrap_err();
    assert_eq!(exit(&error), Exit::Refused);
    assert!(error.to_string().contains("no identity"), "{error}");
}
