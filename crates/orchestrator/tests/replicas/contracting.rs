//! Logical subscribers in whole rollouts: what contracts runs on the publisher first, and what a run that was left owes them is found out
//! by one that only settles.

use crate::{
    fleet::{READ_ONE, Replicated, Told, ended, name, replaying, session, until},
    subscriber::{ONE, Pair},
    table::retry,
};
use greylag_core::{event::Event, gate::WaitReason, outcome::Outcome, plan::UndoTarget};
use greylag_lab::{Engine, Proxy};
use greylag_orchestrator::{
    Control, Notice,
    apply::{Options, Summary, Verdict, settle_first},
    planning::{Ask, Prospect, look_ahead},
    survey::survey_fleet,
    watch::Blind,
};
use std::{sync::Arc, time::Instant};
use tokio::task::JoinHandle;

const TWO: &str = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'one' AND column_name = 'two'";

fn waits_for_a_lock_there(event: &Event) -> bool {
    let Event::ShardWaiting { reasons, .. } = event else {
        return false;
    };
    matches!(&reasons[..], [WaitReason::Subscriber { node, waits }]
        if node.to_string() == "s1/mirror" && matches!(**waits, WaitReason::Lock { .. }))
}

/// Taking a column back contracts: a subscriber without it would stop at the first row that still carries it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_goes_on_the_publisher_before_it_goes_on_the_subscriber() {
    let Some(mut pair) = Pair::start("ALL TABLES", ONE).await else {
        return;
    };
    pair.fleet.files = vec![
        ("V1__two.sql", "ALTER TABLE one ADD COLUMN two int;"),
        ("U1__two.sql", "ALTER TABLE one DROP COLUMN two;"),
    ];
    pair.fleet.done().await;
    pair.publish("INSERT INTO one VALUES (1, 2)").await;
    pair.fleet.claim = None;
    pair.fleet.undo = Some(UndoTarget::Latest);
    // Whoever reads there keeps the column from going, and no row from coming.
    let reader = session(&pair.subscriber_url(), READ_ONE).await;
    let (run, told) = pair.fleet.run(Options::default()).await;
    until(&told, waits_for_a_lock_there).await;
    assert_eq!(pair.there(TWO).await.as_deref(), Some("0"));
    assert_eq!(pair.here(TWO).await.as_deref(), Some("1"));
    let ended =
        |event: &Event| matches!(event, Event::ShardEnded { shard, .. } if *shard == name(0));
    assert!(!told.lock().unwrap().iter().any(|(_, event)| ended(event)));
    // The last row with the column came before; rows without it come still.
    let rows = "SELECT string_agg(id || ':' || coalesce(two::text, '-'), ' ' ORDER BY id) FROM one";
    pair.publish("INSERT INTO one VALUES (3)").await;
    pair.until(rows, "1:2 3:-").await;
    drop(reader);
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(pair.here(TWO).await.as_deref(), Some("0"));
    pair.publish("INSERT INTO one VALUES (4)").await;
    pair.until("SELECT count(*) FROM one", "3").await;
}

/// The publisher's answer is lost, the run is left, and a file that nobody has yet is changed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_a_publisher_is_settled_before_its_subscriber_gets_what_is_planned_anew() {
    let Some(mut pair) = Pair::start("ALL TABLES", ONE).await else {
        return;
    };
    let publisher = pair.fleet.clusters[0].primary().port();
    let line = Proxy::start(publisher).await.unwrap();
    pair.fleet.services.insert(0, line.port());
    let first = ("V1__two.sql", "ALTER TABLE one ADD COLUMN two int;");
    pair.fleet.files = vec![
        first,
        ("V2__three.sql", "ALTER TABLE one ADD COLUMN three int;"),
    ];
    // The publisher is connected to by then, and waits for its subscriber.
    let reader = session(&pair.subscriber_url(), READ_ONE).await;
    let control = Control::new();
    let (run, told) = pair
        .fleet
        .run_under(Options::default(), control.clone())
        .await;
    until(&told, waits_for_a_lock_there).await;
    line.cut_when_client_sends(b"ADD COLUMN two");
    line.refuse(true).await.unwrap();
    drop(reader);
    line.wait_trapped(1).await;
    control.interrupt();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Unknown, "{summary:#?}");
    assert_eq!(pair.there(TWO).await.as_deref(), Some("1"));
    assert_eq!(pair.versions().await, "1");

    line.refuse(false).await.unwrap();
    pair.fleet.claim = None;
    let changed = "ALTER TABLE one ADD COLUMN three bigint;";
    pair.fleet.files = vec![first, ("V2__three.sql", changed)];
    let left = settled(&pair.fleet).await;
    assert!(left.is_none(), "{left:#?}");
    // Nothing is begun where things are only settled.
    assert_eq!(pair.versions().await, "1");
    pair.fleet.done().await;
    assert_eq!(pair.versions().await, "1 2");
    let kind = "SELECT data_type FROM information_schema.columns WHERE table_name = 'one' AND column_name = 'three'";
    for found in [pair.there(kind).await, pair.here(kind).await] {
        assert_eq!(found.as_deref(), Some("bigint"));
    }
    pair.publish("INSERT INTO one VALUES (1, 2, 3)").await;
    pair.until("SELECT count(*) FROM one", "1").await;
}

/// What was left is settled, which must be needed. None where all is.
async fn settled(fleet: &Replicated) -> Option<Summary> {
    settling(fleet).await.0.await.unwrap()
}

async fn settling(fleet: &Replicated) -> (JoinHandle<Option<Summary>>, Told) {
    let setup = fleet.setup().await;
    let ask = Ask::default();
    let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
    let prospect = look_ahead(&setup, &surveyed, &ask).await.unwrap();
    assert!(
        matches!(prospect, Prospect::SettleFirst { .. }),
        "{prospect:#?}"
    );
    let told = Told::default();
    let ears = told.clone();
    let watcher = Arc::new(move |notice: &Notice| {
        if let Notice::Event(stamped) = notice {
            let event = stamped.event.clone();
            ears.lock().unwrap().push((Instant::now(), event));
        }
    });
    let run = tokio::spawn(async move {
        let (options, control) = (Options::default(), Control::new());
        let left = settle_first(
            &setup, &surveyed, &prospect, &ask, &options, control, watcher,
        );
        left.await.unwrap()
    });
    (run, told)
}

/// Told of a shard, that it has not failed.
fn is_verified(at: usize) -> impl Fn(&Event) -> bool {
    move |event| {
        let Event::ShardEnded { shard, outcome, .. } = event else {
            return false;
        };
        *shard == name(at) && !matches!(outcome, Outcome::Failed { .. })
    }
}

const TWO_VERIFIED: (&str, &str) = (
    "V2__two.sql",
    "-- greylag:verify SELECT count(*) = 1 FROM one\nALTER TABLE one ADD COLUMN two int;",
);

/// File by file, behind the subscriber: what comes behind the file whose query said no was not begun.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verify_query_is_asked_again_without_what_comes_behind_it_and_was_changed() {
    let Some(mut pair) = Pair::start("ALL TABLES", ONE).await else {
        return;
    };
    let three = |kind: &'static str| ("V3__three.sql", kind);
    let int = "ALTER TABLE one ADD COLUMN three int;";
    pair.fleet.files = vec![TWO_VERIFIED, three(int)];
    let (run, _) = pair.fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Split, "{summary:#?}");
    assert_eq!(pair.versions().await, "2");

    pair.fleet.claim = None;
    pair.publish("INSERT INTO one VALUES (1, 2)").await;
    let bigint = "ALTER TABLE one ADD COLUMN three bigint;";
    pair.fleet.files = vec![TWO_VERIFIED, three(bigint)];
    // A person has not said so yet: it is not asked.
    let left = settled(&pair.fleet).await.expect("it is not settled");
    assert!(
        left.stopped
            .as_ref()
            .unwrap()
            .contains("greylag rollout retry s1"),
        "{left:#?}"
    );
    retry(&pair.fleet).await;
    let left = settled(&pair.fleet).await;
    assert!(left.is_none(), "{left:#?}");
    assert_eq!(pair.versions().await, "2", "nothing is begun");
    assert!(!pair.has("three").await);
    pair.fleet.done().await;
    let kind = "SELECT data_type FROM information_schema.columns WHERE table_name = 'one' AND column_name = 'three'";
    for found in [pair.there(kind).await, pair.here(kind).await] {
        assert_eq!(found.as_deref(), Some("bigint"));
    }
}

/// The shard's work is there, and was never waited for: its query had said no.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_verified_in_the_end_is_replayed_before_its_rollout_gets_a_successor() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    let view = |body: &'static str| ("R__three.sql", body);
    fleet.done().await;
    let first = fleet.files[0];
    fleet.files = vec![
        first,
        TWO_VERIFIED,
        view("CREATE VIEW three AS SELECT 3 AS n;"),
    ];
    let (run, _) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Split, "{summary:#?}");

    fleet.clusters[0].pause_replay(0).await.unwrap();
    let primary = fleet.clusters[0].primary();
    let row = "INSERT INTO one VALUES (1, 2)";
    primary
        .execute(&fleet.databases[0].name, row)
        .await
        .unwrap();
    retry(&fleet).await;
    fleet.files = vec![
        first,
        TWO_VERIFIED,
        view("CREATE VIEW three AS SELECT 4 AS n;"),
    ];
    let (run, told) = settling(&fleet).await;
    until(&told, replaying(0)).await;
    assert!(
        !told
            .lock()
            .unwrap()
            .iter()
            .any(|(_, event)| ended(0)(event))
    );
    fleet.clusters[0].resume_replay(0).await.unwrap();
    until(&told, ended(0)).await;
    let left = run.await.unwrap();
    assert!(left.is_none(), "{left:#?}");
    fleet.done().await;
    let there = fleet.clusters[0].replica(0);
    assert!(fleet.has(there, 0, "three").await);
}

/// The other shard's query said no, and a second terminal has it asked again while it is settled what became of the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_is_retried_while_others_are_settled_is_replayed_too() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    fleet.policy.max_in_flight = 2;
    fleet.done().await;
    let insert = async |fleet: &Replicated, at: usize| {
        let row = "INSERT INTO one VALUES (1)";
        let primary = fleet.clusters[at].primary();
        let database = &fleet.databases[at].name;
        primary.execute(database, row).await.unwrap();
    };
    let view = |body: &'static str| ("R__three.sql", body);
    let first = fleet.files[0];
    fleet.files = vec![
        first,
        TWO_VERIFIED,
        view("CREATE VIEW three AS SELECT 3 AS n;"),
    ];
    // Both begin, and end one after the other: s1 says yes, and has yet to be replayed; s2 says no.
    insert(&fleet, 0).await;
    let readers = [fleet.read_one(0).await, fleet.read_one(1).await];
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    for at in [0, 1] {
        until(&told, |event| is_locked_out(event, at)).await;
        fleet.clusters[at].pause_replay(0).await.unwrap();
    }
    let [s1, s2] = readers;
    drop(s1);
    until(&told, replaying(0)).await;
    drop(s2);
    until(&told, ended(1)).await;
    control.interrupt();
    let summary = run.await.unwrap();
    assert_eq!(
        summary.failed.keys().collect::<Vec<_>>(),
        [&name(1)],
        "{summary:#?}"
    );

    fleet.files[2] = view("CREATE VIEW three AS SELECT 4 AS n;");
    let (run, told) = settling(&fleet).await;
    until(&told, |event| matches!(event, Event::Restarted { .. })).await;
    insert(&fleet, 1).await;
    retry(&fleet).await;
    until(&told, |event| replaying(1)(event) || is_verified(1)(event)).await;
    let is_done = |at: usize| {
        let told = told.lock().unwrap();
        told.iter().any(|(_, event)| is_verified(at)(event))
    };
    assert!(!is_done(0) && !is_done(1), "{:#?}", told.lock().unwrap());
    for cluster in &fleet.clusters {
        cluster.resume_replay(0).await.unwrap();
    }
    let left = run.await.unwrap();
    assert!(left.is_none(), "{left:#?}");
    assert!(is_done(0) && is_done(1), "{:#?}", told.lock().unwrap());
}

fn is_locked_out(event: &Event, at: usize) -> bool {
    matches!(event, Event::ShardWaiting { shard, reasons, .. }
        if *shard == name(at) && matches!(&reasons[..], [WaitReason::Lock { .. }]))
}
