//! What goes well.

use crate::world::{World, events, wave};
use greylag_core::{
    event::Event,
    policy::{Scope, Size},
};
use greylag_orchestrator::{
    apply::{Options, Verdict},
    planning::Ask,
};

#[tokio::test]
async fn empty_shards_get_every_migration_once_and_a_second_run_has_nothing_to_do() {
    let mut world = World::new(5);
    world
        .file(
            "V1__orders.sql",
            "CREATE TABLE orders(id INTEGER PRIMARY KEY);",
        )
        .file(
            "V2__total.sql",
            "ALTER TABLE orders ADD COLUMN total INTEGER;",
        )
        .file(
            "R__view.sql",
            "DROP VIEW IF EXISTS v; CREATE VIEW v AS SELECT id FROM orders;",
        );
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!((summary.exit_code, summary.shards.done), (0, 5));
    assert_eq!(summary.migrations_applied, 15);
    for shard in &world.shards {
        assert_eq!(world.applied(shard.as_str(), "1"), 1);
        assert_eq!(world.applied(shard.as_str(), "2"), 1);
        assert_eq!(
            world.count(shard.as_str(), "SELECT count(*) FROM greylag_shard"),
            1
        );
        assert_eq!(world.count(shard.as_str(), "SELECT count(*) FROM v"), 0);
    }

    let again = world.apply().await.unwrap();
    assert_eq!((again.verdict, again.exit_code), (Verdict::Done, 0));
    assert_eq!((again.rollout, again.shards.up_to_date), (None, 5));
}

#[tokio::test]
async fn shards_on_different_versions_get_what_each_lacks() {
    let mut world = World::new(4);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    world.apply().await.unwrap();
    world.file("V2__b.sql", "CREATE TABLE b(x);");
    let ask = Ask {
        scope: Scope {
            only: Some(world.shards.iter().take(2).cloned().collect()),
            ..Scope::default()
        },
        ..Ask::default()
    };
    world.apply_as(&ask, &Options::default()).await.unwrap();
    world.file("V3__c.sql", "CREATE TABLE c(x);");
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(summary.migrations_applied, 2 + 4);
    for shard in &world.shards {
        for version in ["1", "2", "3"] {
            assert_eq!(world.applied(shard.as_str(), version), 1);
        }
    }
}

#[tokio::test]
async fn a_started_event_is_in_the_journal_before_anything_of_the_shard_and_waves_follow_each_other()
 {
    let mut world = World::new(6);
    world.policy.waves = vec![wave("canary", Size::Count(1)), wave("rest", Size::Rest)];
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    let (summary, told) = world.apply_watched().await;
    assert_eq!(summary.unwrap().verdict, Verdict::Done);
    let events = events(&told);
    let at = |wanted: &dyn Fn(&Event) -> bool| events.iter().position(|e| wanted(&e.event));
    let first = world.shards[0].clone();
    let started = at(&|e| matches!(e, Event::ShardStarted { shard, .. } if *shard == first));
    let applied = at(&|e| matches!(e, Event::MigrationApplied { shard, .. } if *shard == first));
    let ended = at(&|e| matches!(e, Event::ShardEnded { shard, .. } if *shard == first));
    assert!(started < applied && applied < ended, "{events:#?}");
    let second_gate = at(&|e| matches!(e, Event::GateAnswered { wave: 1, .. }));
    assert!(ended < second_gate, "{events:#?}");
    let sequences: Vec<u64> = events.iter().map(|e| e.sequence).collect();
    assert_eq!(sequences, (1..=events.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn placeholders_of_project_and_shard_are_replaced() {
    let mut world = World::new(2);
    world.placeholders.insert("table".into(), "orders".into());
    world.file(
        "V1__a.sql",
        "CREATE TABLE ${table}(x); INSERT INTO ${table} VALUES ('${greylag:shard}');",
    );
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(
        world.count("s02", "SELECT count(*) FROM orders WHERE x = 's02'"),
        1
    );
}
