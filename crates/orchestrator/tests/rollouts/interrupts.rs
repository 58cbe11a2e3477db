//! The first interrupt drains, the second cancels; a full disk stops; each end is told truly.

use crate::world::{World, wait_for};
use greylag_core::event::Event;
use greylag_orchestrator::{
    Control, Exit, Explained, Notice,
    apply::{ApplyError, Options, Verdict},
    journal::JournalError,
};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Never ends by itself.
const ENDLESS: &str = "CREATE TABLE b AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) \
     SELECT count(*) FROM c WHERE x < 0;";

fn on(
    event: fn(&Event) -> bool,
    act: impl Fn() + Send + Sync + 'static,
) -> Arc<dyn greylag_orchestrator::Watcher> {
    Arc::new(move |notice: &Notice| {
        if let Notice::Event(stamped) = notice
            && event(&stamped.event)
        {
            act();
        }
    })
}

fn may_write(file: &Path) -> bool {
    let file = rusqlite::Connection::open(file).unwrap();
    file.busy_timeout(Duration::ZERO).unwrap();
    file.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok()
}

fn is_end(event: &Event) -> bool {
    matches!(event, Event::ShardEnded { .. })
}

#[tokio::test]
async fn the_first_interrupt_lets_what_is_in_flight_end_and_starts_nothing_new() {
    let mut world = World::new(6);
    world.policy.max_in_flight = 1;
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    let control = Control::new();
    let hand = control.clone();
    let watcher = on(is_end, move || {
        if hand.level() == greylag_orchestrator::control::Level::Run {
            hand.interrupt();
        }
    });
    let run = world.start(Options::default(), control, watcher).await;
    let summary = run.await.unwrap().unwrap();
    assert_eq!((summary.verdict, summary.exit_code), (Verdict::Split, 3));
    assert_eq!(summary.stopped.as_deref(), Some("interrupted"));
    assert_eq!(
        (summary.shards.done, summary.shards.unknown),
        (1, 0),
        "{summary:#?}"
    );

    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done);
    for shard in &world.shards {
        assert_eq!(world.applied(shard.as_str(), "1"), 1);
    }
}

#[tokio::test]
async fn a_drain_finishes_the_current_migration_and_not_the_list() {
    let mut world = World::new(1);
    world.policy.group = greylag_core::policy::Group::Never;
    world
        .file("V1__a.sql", "CREATE TABLE a(x);")
        .file("V2__b.sql", "CREATE TABLE b(x);")
        .file("V3__c.sql", "CREATE TABLE c(x);");
    let control = Control::new();
    let hand = control.clone();
    let watcher = on(
        |event| matches!(event, Event::ShardStarted { .. }),
        move || {
            hand.interrupt();
        },
    );
    let run = world.start(Options::default(), control, watcher).await;
    let summary = run.await.unwrap().unwrap();
    assert!(summary.migrations_applied < 3, "{summary:#?}");
    assert_eq!(summary.shards.unknown, 0);
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done);
    for version in ["1", "2", "3"] {
        assert_eq!(world.applied("s01", version), 1);
    }
}

#[tokio::test]
async fn the_second_interrupt_cancels_on_the_server_and_nothing_is_left() {
    let mut world = World::new(2);
    world.policy.max_in_flight = 1;
    // Whoever asks whether the file may be written keeps others from writing for that moment, which may be long.
    world.policy.lock_timeout = Duration::from_secs(30);
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    // The shard is readied here: what is written to it next is the endless one's.
    world.apply().await.unwrap();
    world.file("V2__b.sql", ENDLESS);
    let control = Control::new();
    let hand = control.clone();
    let file = world.path("s01");
    let watcher = on(
        |event| matches!(event, Event::ShardStarted { .. }),
        move || {
            let (hand, file) = (hand.clone(), file.clone());
            // Once it is well under way: nobody else may write.
            std::thread::spawn(move || {
                let deadline = Instant::now() + greylag_lab::patience();
                while may_write(&file) {
                    assert!(Instant::now() < deadline, "its transaction did not come");
                    std::thread::sleep(Duration::from_millis(20));
                }
                hand.interrupt();
                hand.interrupt();
            });
        },
    );
    let run = world.start(Options::default(), control, watcher).await;
    let summary = run.await.unwrap().unwrap();
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::NothingChanged, 1),
        "{summary:#?}"
    );
    assert_eq!((summary.shards.failed, summary.shards.unknown), (0, 0));
    assert_eq!(world.applied("s01", "2"), 0);

    world.file("V2__b.sql", "CREATE TABLE b(x);");
    let summary = world.apply().await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}

#[tokio::test]
async fn a_full_disk_of_the_state_store_stops_the_run_and_it_goes_on_once_there_is_room() {
    let Some(disk) = greylag_lab::SmallDisk::mount(2 << 20).unwrap() else {
        return;
    };
    let disk = Arc::new(disk);
    let mut world = World::new(30);
    world.policy.max_in_flight = 1;
    world.file("V1__a.sql", "CREATE TABLE a(x);");
    let store: &'static str = Box::leak(
        disk.path()
            .join("state.db")
            .display()
            .to_string()
            .into_boxed_str(),
    );
    world.state = store;
    let full = disk.clone();
    let watcher = on(is_end, move || full.fill().unwrap());
    let run = world
        .start(Options::default(), Control::new(), watcher)
        .await;
    let error = run.await.unwrap().unwrap_err();
    // Of the canary it is not written what became of it: the fleet may be split.
    let ApplyError::Midway { why, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(
        matches!(**why, ApplyError::Journal(JournalError::Full { .. })),
        "{why:?}"
    );
    assert_eq!(error.exit(), Exit::Split);
    assert!(error.hints()[0].contains("Make room"));
    let touched = |world: &World| {
        let has_table = "SELECT count(*) FROM sqlite_schema WHERE name = 'a'";
        world
            .shards
            .iter()
            .filter(|s| world.count(s.as_str(), has_table) == 1)
            .count()
    };
    let before = touched(&world);
    assert!((1..30).contains(&before), "{before}");

    disk.empty().unwrap();
    // The lease could not be given back, and this process lives on: it runs out.
    let mut summary = None;
    wait_for("the end of the lease", async || match world.apply().await {
        Ok(ended) => {
            summary = Some(ended);
            true
        }
        Err(ApplyError::Busy { .. }) => false,
        Err(error) => panic!("{error}"),
    })
    .await;
    let summary = summary.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(touched(&world), 30);
}
