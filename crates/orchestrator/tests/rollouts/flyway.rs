//! Flyway's own history table, shared with it, on an engine whose DDL is no transaction.

use crate::world::World;
use greylag_core::engine::Engine;
use greylag_orchestrator::{
    Control, FleetShard, Setup,
    apply::{Options, Summary, Verdict, apply},
    planning::{Ask, look_ahead},
    survey::survey_fleet,
    watch::Blind,
};
use std::sync::Arc;

/// The world's first shard, on a server.
async fn setup(world: &World, url: &str) -> Setup {
    let mut setup = world.setup().await;
    let shard = &setup.fleet.shards[0];
    let mut target = shard.target.clone();
    target.engine = Engine::Mariadb;
    target.url = url.parse().unwrap();
    target.history_table = "flyway_schema_history".into();
    let shard = FleetShard {
        shard: greylag_core::fleet::Shard {
            engine: Engine::Mariadb,
            ..shard.shard.clone()
        },
        target,
        placeholders: Arc::default(),
    };
    setup.fleet.shards = vec![shard];
    setup
}

async fn run(setup: &Setup) -> Summary {
    let ask = Ask::default();
    let surveyed = survey_fleet(setup, None, &Blind).await.unwrap();
    let prospect = look_ahead(setup, &surveyed, &ask).await.unwrap();
    let options = Options::default();
    let (control, watcher) = (Control::new(), Arc::new(Blind));
    apply(setup, surveyed, prospect, &ask, &options, control, watcher)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_half_done_migration_is_marked_for_flyway_resumed_after_an_edit_and_leaves_one_row() {
    let Some(server) = greylag_lab::require(greylag_lab::Engine::MariaDb).await else {
        return;
    };
    let database = server.database("flyway").await.unwrap();
    let rows = async |success: u8| {
        let sql = format!(
            "SELECT COUNT(*) FROM flyway_schema_history WHERE version = '1' AND success = {success}"
        );
        server.value(&database.name, &sql).await.unwrap().unwrap()
    };
    let mut world = World::new(1);
    world.file(
        "V1__a.sql",
        "CREATE TABLE a(x int);\nALTER TABLE nowhere ADD COLUMN y int;",
    );
    let summary = run(&setup(&world, &database.url).await).await;
    assert_eq!(summary.shards.failed, 1, "{summary:#?}");
    assert_eq!((&*rows(0).await, &*rows(1).await), ("1", "0"));

    // Another failure leaves no second mark.
    world.file(
        "V1__a.sql",
        "CREATE TABLE a(x int);\nALTER TABLE nowhere_else ADD COLUMN y int;",
    );
    let summary = run(&setup(&world, &database.url).await).await;
    assert_eq!(summary.shards.failed, 1, "{summary:#?}");
    assert_eq!((&*rows(0).await, &*rows(1).await), ("1", "0"));

    world.file(
        "V1__a.sql",
        "CREATE TABLE a(x int);\nALTER TABLE a ADD COLUMN y int;",
    );
    let summary = run(&setup(&world, &database.url).await).await;
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!((&*rows(0).await, &*rows(1).await), ("0", "1"));
    let again = run(&setup(&world, &database.url).await).await;
    assert_eq!(
        (again.verdict, again.migrations_applied, again.held.len()),
        (Verdict::Done, 0, 0),
        "{again:#?}"
    );
}
