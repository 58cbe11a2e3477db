//! What the dispatcher does around a failure, an unknown, `--only` and nothing at all.

use crate::{
    database::Fault,
    seeds::failure,
    world::{Ran, World},
};
use greylag_core::{
    event::Event,
    outcome::{FailureClass, Outcome},
    policy::{Size, WaveRule},
};
use greylag_orchestrator::{
    Notice,
    apply::{Options, Summary, Verdict},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::Notify;

/// All shards go together.
fn together(shards: usize, versions: u32) -> World {
    let mut world = World::new(shards, versions);
    world.policy.waves = vec![WaveRule {
        name: "fleet".into(),
        select: None,
        size: Size::Rest,
        soak: Duration::ZERO,
        approval: false,
    }];
    world
}

/// `s1` fails, and `s2` is in the middle of its first migration until that is in the journal.
fn one_fails_while_the_other_works(versions: u32) -> World {
    let mut world = together(2, versions);
    world.fault("s1", Fault::Fail(failure(FailureClass::Data)));
    let gate = Arc::new(Notify::new());
    world.databases.0["s2"].lock().unwrap().gate = Some(gate.clone());
    world.watcher = Arc::new(move |notice: &Notice| {
        if let Notice::Event(stamped) = notice
            && let Event::ShardEnded {
                outcome: Outcome::Failed { .. },
                ..
            } = &stamped.event
        {
            gate.notify_one();
        }
    });
    world
}

async fn ended(world: &World) -> Summary {
    ended_as(world, Options::default()).await
}

async fn ended_as(world: &World, options: Options) -> Summary {
    match world.run_as(None, options).await.0 {
        Ran::Ended(summary) => *summary,
        Ran::Crashed => panic!("it was not told to crash"),
    }
}

#[tokio::test]
async fn a_shard_in_flight_when_another_fails_finishes_its_migration_and_not_its_list() {
    let world = one_fails_while_the_other_works(3);
    let summary = ended(&world).await;
    assert_eq!(summary.verdict, Verdict::Split, "{summary:#?}");
    assert_eq!(world.rows("s2"), ["1"]);
    assert_eq!(summary.shards.failed, 1, "{summary:#?}");

    world.retry().await;
    let summary = ended(&world).await;
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    world.is_home();
}

#[tokio::test]
async fn a_stopped_rollout_still_finds_out_what_became_of_a_lost_answer() {
    let world = one_fails_while_the_other_works(3);
    world.fault("s2", Fault::Orphan);
    // The orphan works on until the look has met its lock: one that gave up there would never know.
    world.databases.0["s2"].lock().unwrap().until_tried = Some(Arc::new(Notify::new()));
    let summary = ended(&world).await;
    assert_eq!(
        (summary.verdict, summary.shards.unknown),
        (Verdict::Split, 0),
        "{summary:#?}"
    );
    assert_eq!(summary.migrations_applied, 1, "{summary:#?}");
    assert_eq!(world.rows("s2"), ["1"]);
}

#[tokio::test]
async fn a_run_of_some_shards_does_not_wait_behind_those_it_leaves_alone() {
    let mut world = together(3, 2);
    world.policy.max_in_flight = 1;
    world.fault("s1", Fault::Fail(failure(FailureClass::Data)));
    let summary = ended(&world).await;
    assert_eq!(summary.shards.failed, 1, "{summary:#?}");
    world.retry().await;

    let options = Options {
        only: Some(["s3".parse().unwrap()].into()),
        ..Options::default()
    };
    let summary = ended_as(&world, options).await;
    assert_eq!(world.rows("s3"), ["1", "2"], "{summary:#?}");
    for shard in ["s1", "s2"] {
        assert!(world.rows(shard).is_empty(), "{shard}");
    }
    let summary = ended(&world).await;
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    world.is_home();
}

#[tokio::test]
async fn what_was_counted_as_applied_is_not_recorded_again_when_a_later_answer_is_lost() {
    let mut world = together(1, 3);
    world.fault("s1", Fault::None);
    world.fault("s1", Fault::LoseAfter);
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let ears = told.clone();
    world.watcher = Arc::new(move |notice: &Notice| {
        if let Notice::Event(stamped) = notice
            && let Event::MigrationApplied { migration, .. } = &stamped.event
        {
            ears.lock().unwrap().push(migration.to_string());
        }
    });
    let summary = ended(&world).await;
    assert_eq!(
        (summary.verdict, summary.migrations_applied),
        (Verdict::Done, 3),
        "{summary:#?}"
    );
    assert_eq!(*told.lock().unwrap(), ["V1", "V2", "V3"]);
    world.is_home();
}

#[tokio::test]
async fn a_run_with_nothing_to_do_costs_each_shard_a_connection_and_one_query() {
    let world = together(4, 2);
    ended(&world).await;
    for database in world.databases.0.values() {
        database.lock().unwrap().calls.clear();
    }
    let summary = ended(&world).await;
    assert_eq!(
        (summary.verdict, summary.migrations_applied),
        (Verdict::Done, 0),
        "{summary:#?}"
    );
    for (shard, database) in &*world.databases.0 {
        assert_eq!(
            database.lock().unwrap().calls,
            ["open", "survey"],
            "{shard}"
        );
    }
    assert_eq!(*world.leases.lock().unwrap(), 0, "no lease is taken either");
}
