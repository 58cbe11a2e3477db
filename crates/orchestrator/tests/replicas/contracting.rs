//! Logical subscribers in whole rollouts: what contracts runs on the publisher first, and what a run that was left owes them is found out
//! by one that only settles.

use crate::{
    fleet::{READ_ONE, name, session, until},
    subscriber::{ONE, Pair},
};
use greylag_core::{event::Event, gate::WaitReason, plan::UndoTarget};
use greylag_lab::Proxy;
use greylag_orchestrator::{
    Control,
    apply::{Options, Verdict, settle_first},
    planning::{Ask, Prospect, look_ahead},
    survey::survey_fleet,
    watch::Blind,
};
use std::sync::Arc;

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
    let setup = pair.fleet.setup().await;
    let ask = Ask::default();
    let surveyed = survey_fleet(&setup, None, &Blind).await.unwrap();
    let prospect = look_ahead(&setup, &surveyed, &ask).await.unwrap();
    assert!(
        matches!(prospect, Prospect::SettleFirst { .. }),
        "{prospect:#?}"
    );
    let (options, control) = (Options::default(), Control::new());
    let settled = settle_first(
        &setup,
        &surveyed,
        &prospect,
        &ask,
        &options,
        control,
        Arc::new(Blind),
    );
    let left = settled.await.unwrap();
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
