//! Logical subscribers: what they get of each file, in which order, and what would stop them.

use crate::{
    fleet::{name, until},
    subscriber::{ONE, Pair},
};
use greylag_core::{
    event::Event,
    gate::WaitReason,
    node::Intake,
    outcome::{FailureClass, Left, Outcome},
};
use greylag_orchestrator::apply::{Options, Verdict};

const ROWS: &str = "SELECT string_agg(id || ':' || two, ' ' ORDER BY id) FROM one";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_has_the_column_before_the_first_row_that_carries_it() {
    let Some(mut pair) = Pair::start("ALL TABLES", ONE).await else {
        return;
    };
    pair.fleet.files = vec![("V1__two.sql", "ALTER TABLE one ADD COLUMN two int;")];
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(pair.versions().await, "1");

    // A subscriber without the column would stop at this row.
    pair.publish("INSERT INTO one VALUES (1, 2)").await;
    pair.until(ROWS, "1:2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_a_file_come_once_and_tables_that_are_not_published_are_left_alone() {
    let Some(mut pair) = Pair::start("TABLE one", ONE).await else {
        return;
    };
    pair.fleet.files = vec![
        (
            "V1__two.sql",
            "ALTER TABLE one ADD COLUMN two int; INSERT INTO one VALUES (1, 2); CREATE TABLE apart (id int); \
             INSERT INTO apart VALUES (1);",
        ),
        ("V2__apart.sql", "ALTER TABLE apart ADD COLUMN more int;"),
        ("V3__three.sql", "ALTER TABLE one ADD COLUMN three int;"),
    ];
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    // An INSERT that ran there as well would be in the way of the row that is replicated.
    pair.until(ROWS, "1:2").await;
    assert_eq!(pair.versions().await, "1 3");
    assert!(pair.has("three").await);
    let apart = pair.here("SELECT to_regclass('apart')::text").await;
    assert_eq!(apart, None);
    let apart = pair.there("SELECT count(more) FROM apart").await;
    assert_eq!(apart.as_deref(), Some("0"));
    for said in [
        "V1 runs on subscriber s1/mirror in part: the rows of one come by replication; apart is not published",
        "V2 is left out on subscriber s1/mirror: apart is not published",
    ] {
        assert!(pair.warned(said), "{said}: {:#?}", pair.fleet.warnings);
    }

    // A second run has nothing to do, there as here.
    pair.fleet.claim = None;
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(
        (summary.verdict, summary.migrations_applied),
        (Verdict::Done, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_of_everything_gets_other_tables_with_their_rows_and_published_rows_once() {
    let Some(mut pair) = Pair::start("TABLE one", ONE).await else {
        return;
    };
    pair.fleet.intake = Intake::All;
    pair.fleet.files = vec![(
        "V1__two.sql",
        "ALTER TABLE one ADD COLUMN two int; INSERT INTO one VALUES (1, 2); CREATE TABLE apart (id int); \
         INSERT INTO apart VALUES (1);",
    )];
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    pair.until(ROWS, "1:2").await;
    let apart = pair.here("SELECT count(*) FROM apart").await;
    assert_eq!(apart.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_judged_is_refused_before_anything_is_touched_until_the_file_says() {
    let Some(mut pair) = Pair::start("TABLE one", ONE).await else {
        return;
    };
    let block = "DO $$ BEGIN INSERT INTO one VALUES (7); END $$;";
    let first = ("V1__two.sql", "ALTER TABLE one ADD COLUMN two int;");
    pair.fleet.files = vec![first, ("V2__fill.sql", block)];
    let (run, told) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::Refused, 6),
        "{summary:#?}"
    );
    let told = told.lock().unwrap().clone();
    let failure = told
        .iter()
        .find_map(|(_, event)| match event {
            Event::ShardEnded {
                outcome: Outcome::Failed { failure },
                ..
            } => Some(failure.clone()),
            _ => None,
        })
        .expect("it is refused");
    assert_eq!(failure.class, FailureClass::Refused);
    assert_eq!(failure.left, Left::Nothing);
    assert!(failure.message.contains("a DO block"), "{failure:#?}");
    let place = failure.place.unwrap();
    assert_eq!((&*place.script, place.line), ("V2__fill.sql", 1));
    let way = failure.hint.unwrap();
    assert!(way.contains("-- greylag:subscribers skip"), "{way}");
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'one'";
    for found in [pair.here(columns).await, pair.there(columns).await] {
        assert_eq!(found.as_deref(), Some("1"), "something was touched");
    }

    pair.fleet.claim = None;
    let said = format!("-- greylag:subscribers skip\n{block}");
    pair.fleet.files = vec![first, ("V2__fill.sql", String::leak(said))];
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    pair.until("SELECT string_agg(id::text, ' ') FROM one", "7")
        .await;
    assert_eq!(pair.versions().await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_is_dropped_too_early_for_a_subscriber_is_refused() {
    let Some(mut pair) = Pair::start("ALL TABLES", ONE).await else {
        return;
    };
    pair.fleet.files = vec![(
        "V1__less.sql",
        "ALTER TABLE one ADD COLUMN two int; ALTER TABLE one DROP COLUMN two;",
    )];
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::Refused, 6),
        "{summary:#?}"
    );
    assert!(!pair.has("two").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_is_done_once_its_subscriber_has_applied_its_rows() {
    let Some(mut pair) = Pair::start("ALL TABLES", ONE).await else {
        return;
    };
    pair.fleet.files = vec![(
        "V1__two.sql",
        "ALTER TABLE one ADD COLUMN two int; INSERT INTO one VALUES (1, 2);",
    )];
    pair.subscribe("ALTER SUBSCRIPTION mirror DISABLE").await;
    let (run, told) = pair.fleet.run(Options::default()).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..],
            [WaitReason::Replay { nodes, .. }] if nodes.iter().any(|node| node.to_string() == "s1/mirror")))
    })
    .await;
    // It has its part of the file, and not the row.
    assert!(pair.has("two").await);
    assert_eq!(pair.here(ROWS).await, None);
    let ended =
        |event: &Event| matches!(event, Event::ShardEnded { shard, .. } if *shard == name(0));
    assert!(!told.lock().unwrap().iter().any(|(_, event)| ended(event)));
    pair.subscribe("ALTER SUBSCRIPTION mirror ENABLE").await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(pair.here(ROWS).await.as_deref(), Some("1:2"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_table_of_a_publication_of_all_tables_comes_with_its_rows_once_it_is_refreshed() {
    let Some(mut pair) = Pair::start("ALL TABLES", ONE).await else {
        return;
    };
    pair.fleet.files = vec![(
        "V1__kinds.sql",
        "CREATE TABLE kinds (id int PRIMARY KEY); INSERT INTO kinds VALUES (1), (2);",
    )];
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let count = "SELECT count(*) FROM kinds";
    assert_eq!(pair.here(count).await.as_deref(), Some("0"));
    let refresh = "ALTER SUBSCRIPTION \"mirror\" REFRESH PUBLICATION;";
    assert!(pair.warned(refresh), "{:#?}", pair.fleet.warnings);
    pair.subscribe(refresh).await;
    pair.until(count, "2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_of_all_tables_has_greylags_own_before_its_publisher_whatever_it_takes() {
    let Some(mut pair) = Pair::start("ALL TABLES", ONE).await else {
        return;
    };
    pair.fleet.intake = Intake::Nothing;
    pair.fleet.files = vec![("V1__side.sql", "CREATE VIEW side AS SELECT id FROM one;")];
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    // Rows of the publisher's history are no obstacle, and are kept out.
    pair.publish("INSERT INTO one VALUES (1)").await;
    pair.until("SELECT count(*) FROM one", "1").await;
    assert_eq!(pair.versions().await, "");
    let side = pair.here("SELECT to_regclass('side')::text").await;
    assert_eq!(side, None);
}
