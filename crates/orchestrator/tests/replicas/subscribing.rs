//! Logical subscribers: what they get of each file, in which order, and what would stop them.

use crate::{
    fleet::{READ_ONE, Told, name, session, until},
    subscriber::{ONE, Pair},
};
use greylag_core::{
    event::Event,
    gate::WaitReason,
    node::Intake,
    outcome::{FailureClass, Left, Outcome},
    plan::HoldReason,
};
use greylag_orchestrator::{
    Control,
    apply::{Options, Summary, Verdict},
};
use tokio::task::JoinHandle;

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

/// The only reason for which the migration is held.
fn why_held<'a>(summary: &'a Summary, id: &str) -> &'a HoldReason {
    let mut held = summary.held.iter();
    let held = held.find(|held| held.migration.as_ref().is_some_and(|m| m.to_string() == id));
    match held.map(|held| &held.reasons[..]) {
        Some([reason]) => reason,
        other => panic!("{id}: {other:#?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_not_be_judged_is_held_in_the_plan_until_the_file_says() {
    let Some(mut pair) = Pair::start("TABLE one", ONE).await else {
        return;
    };
    let block = "DO $$ BEGIN INSERT INTO one VALUES (7); END $$;";
    let first = ("V1__two.sql", "ALTER TABLE one ADD COLUMN two int;");
    let last = ("V3__three.sql", "ALTER TABLE one ADD COLUMN three int;");
    pair.fleet.files = vec![first, ("V2__fill.sql", block), last];
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(
        (
            summary.verdict,
            summary.exit_code,
            summary.migrations_applied
        ),
        (Verdict::Done, 6, 1),
        "{summary:#?}"
    );
    let HoldReason::Subscriber {
        nodes,
        why,
        place,
        hint,
    } = why_held(&summary, "V2")
    else {
        panic!("{:#?}", summary.held);
    };
    assert_eq!(nodes[0].to_string(), "s1/mirror");
    assert!(why.contains("a DO block"), "{why}");
    let place = place.as_ref().unwrap();
    assert_eq!((&*place.script, place.line), ("V2__fill.sql", 1));
    assert!(hint.contains("-- greylag:subscribers skip"), "{hint}");
    assert!(matches!(
        why_held(&summary, "V3"),
        HoldReason::BehindHeld { .. }
    ));
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'one'";
    for found in [pair.here(columns).await, pair.there(columns).await] {
        assert_eq!(found.as_deref(), Some("2"), "V1, and no more");
    }

    pair.fleet.claim = None;
    let said = format!("-- greylag:subscribers skip\n{block}");
    pair.fleet.files = vec![first, ("V2__fill.sql", String::leak(said)), last];
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::Done, 0),
        "{summary:#?}"
    );
    pair.until("SELECT string_agg(id::text, ' ') FROM one", "7")
        .await;
    assert_eq!(pair.versions().await, "1 3");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_shards_subscriber_refuses_goes_out_on_no_shard() {
    let Some(mut pair) = Pair::start_last_of(2, "ALL TABLES", ONE).await else {
        return;
    };
    pair.fleet.files = vec![(
        "V1__less.sql",
        "ALTER TABLE one ADD COLUMN two int; ALTER TABLE one DROP COLUMN two;",
    )];
    let (run, told) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(
        (summary.exit_code, summary.migrations_applied),
        (6, 0),
        "{summary:#?}"
    );
    let HoldReason::Subscriber { nodes, .. } = why_held(&summary, "V1") else {
        panic!("{:#?}", summary.held);
    };
    assert_eq!(nodes[0].to_string(), "s2/mirror");
    let touched = |event: &Event| matches!(event, Event::ShardStarted { .. });
    assert!(!told.lock().unwrap().iter().any(|(_, event)| touched(event)));
}

/// What is published may change behind a plan: an executor asks again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_stop_apply_by_now_is_refused_when_the_shards_turn_comes() {
    let make = "CREATE TABLE one (id int PRIMARY KEY); ALTER TABLE one OWNER TO greylag; \
                CREATE TABLE apart (id int PRIMARY KEY); ALTER TABLE apart OWNER TO greylag;";
    let Some(mut pair) = Pair::start("TABLE one", make).await else {
        return;
    };
    pair.fleet.files = vec![("V1__key.sql", "ALTER TABLE apart RENAME COLUMN id TO key;")];
    let publish = async || {
        pair.publish("ALTER PUBLICATION everything ADD TABLE apart")
            .await
    };
    let run = pair
        .fleet
        .run_after(Options::default(), Control::new(), publish);
    let (run, told) = run.await;
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
    assert!(failure.message.contains("stop apply"), "{failure:#?}");
    assert_eq!(&*failure.place.unwrap().script, "V1__key.sql");
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'apart' AND column_name = 'id'";
    for found in [pair.here(columns).await, pair.there(columns).await] {
        assert_eq!(found.as_deref(), Some("1"), "something was touched");
    }
}

/// The subscriber waits for a lock of its own.
fn is_locked_out(event: &Event) -> bool {
    let Event::ShardWaiting { reasons, .. } = event else {
        return false;
    };
    matches!(&reasons[..], [WaitReason::Subscriber { node, waits }]
        if node.to_string() == "s1/mirror" && matches!(**waits, WaitReason::Lock { .. }))
}

/// A run whose subscriber is disabled once work on the shard began: one that is behind already lets nothing begin.
async fn run_and_disable(pair: &Pair) -> (JoinHandle<Summary>, Told) {
    let reader = session(&pair.subscriber_url(), READ_ONE).await;
    let (run, told) = pair.fleet.run(Options::default()).await;
    until(&told, is_locked_out).await;
    pair.subscribe("ALTER SUBSCRIPTION mirror DISABLE").await;
    drop(reader);
    (run, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_finds_the_rows_there_that_one_before_it_writes_on_the_publisher() {
    let Some(mut pair) = Pair::start("ALL TABLES", ONE).await else {
        return;
    };
    pair.publish("INSERT INTO one VALUES (1), (2)").await;
    pair.until("SELECT count(*) FROM one", "2").await;
    pair.fleet.files = vec![
        ("V1__two.sql", "ALTER TABLE one ADD COLUMN two int;"),
        ("V2__fill.sql", "UPDATE one SET two = id;"),
        (
            "V3__must.sql",
            "ALTER TABLE one ALTER COLUMN two SET NOT NULL;",
        ),
        ("V4__three.sql", "ALTER TABLE one ADD COLUMN three int;"),
    ];
    let (run, told) = run_and_disable(&pair).await;
    // The publisher has its rows, and the subscriber is waited for before it gets the file that needs them.
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..],
            [WaitReason::Replay { nodes, .. }] if nodes.iter().any(|node| node.to_string() == "s1/mirror")))
    })
    .await;
    let filled = pair.there("SELECT count(two) FROM one").await;
    assert_eq!(filled.as_deref(), Some("2"));
    assert_eq!(pair.versions().await, "1");
    let must = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'two' AND is_nullable = 'NO'";
    assert_eq!(pair.there(must).await.as_deref(), Some("0"));
    pair.subscribe("ALTER SUBSCRIPTION mirror ENABLE").await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    for found in [pair.here(must).await, pair.there(must).await] {
        assert_eq!(found.as_deref(), Some("1"));
    }
    assert_eq!(pair.here(ROWS).await.as_deref(), Some("1:1 2:2"));
    assert_eq!(pair.versions().await, "1 3 4");
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
    let (run, told) = run_and_disable(&pair).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_waited_for_on_a_subscriber_is_told_with_its_name() {
    let Some(mut pair) = Pair::start("ALL TABLES", ONE).await else {
        return;
    };
    let client = session(&pair.subscriber_url(), READ_ONE).await;
    pair.fleet.files = vec![("V1__two.sql", "ALTER TABLE one ADD COLUMN two int;")];
    let (run, told) = pair.fleet.run(Options::default()).await;
    until(&told, is_locked_out).await;
    client.batch_execute("COMMIT").await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}
