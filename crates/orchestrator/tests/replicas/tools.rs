//! The real pt-online-schema-change on real servers with a replica: it does what the server can't, waits while the replica lags,
//! and leaves nothing behind however it ends.

use crate::{
    fleet::{assert_done, name, until},
    table::{
        column, count, failure_of, given, lines, new_table, remains, says, slow, value,
        with_arguments,
    },
};
use greylag_core::{
    event::Event,
    gate::WaitReason,
    online::{PT_OSC, Way},
    outcome::FailureClass,
};
use greylag_lab::Engine;
use greylag_orchestrator::{
    Control,
    apply::{Options, Verdict},
};
use std::time::Duration;

async fn is_done_and_told(engine: Engine) {
    let Some(fleet) = given(engine, PT_OSC, 2000, &["--chunk-size=200"]).await else {
        return;
    };
    let rows = count(&fleet, "big").await;
    let (run, told) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_done(&summary, &told);
    assert_eq!(column(&fleet).await, "bigint");
    assert_eq!(count(&fleet, "big").await, rows + 1);
    assert_eq!(remains(&fleet).await, None);
    let replica = fleet.clusters[0].replica(0);
    let there = replica
        .value(
            &fleet.databases[0].name,
            "SELECT COUNT(*) FROM big WHERE a > 2147483647",
        )
        .await;
    assert_eq!(there.unwrap().as_deref(), Some("1"));

    let shown = lines(&told);
    let copying = shown
        .iter()
        .find(|line| line.contains("Copying approximately"));
    assert!(
        copying.is_some_and(|line| !line.contains("approximately 0 rows")),
        "it takes the table for empty: {copying:?}"
    );
    assert!(
        shown
            .iter()
            .any(|line| line.contains("Successfully altered")),
        "{shown:#?}"
    );
    assert!(
        shown[0].starts_with("begins: ")
            && shown[0].ends_with("MODIFY a bigint NOT NULL COMMENT 'wide, \"now\"'"),
        "{}",
        shown[0]
    );
    let told = told.lock().unwrap();
    let way = told.iter().find_map(|(_, event)| match event {
        Event::OnlineDdl {
            statement: 1,
            way,
            not,
            ..
        } => Some((way.clone(), not.clone())),
        _ => None,
    });
    let (way, not) = way.unwrap();
    assert_eq!(way, Way::Tool(PT_OSC.into()));
    assert!(not[0].starts_with("ALGORITHM=INSTANT: "), "{not:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_can_t_do_a_tool_does_and_tells_on_mysql() {
    is_done_and_told(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_can_t_do_a_tool_does_and_tells_on_mariadb() {
    is_done_and_told(Engine::MariaDb).await;
}

async fn waits_for_the_replica(engine: Engine) {
    let Some(mut fleet) = given(engine, PT_OSC, 4000, slow(PT_OSC)).await else {
        return;
    };
    fleet.settings.limits.max_lag = Duration::from_secs(1);
    fleet.settings.limits.resume_lag = Duration::from_millis(500);
    fleet.settings.poll = Duration::from_millis(100);
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, says("Copying approximately")).await;
    fleet.clusters[0].pause_replay(0).await.unwrap();
    until(&told, says("paused: the shard's nodes hold")).await;
    // Its own look at the file, once a minute, may come before that of our plugin.
    let (ours, its_own) = (
        says("Waiting: greylag's lag gates hold"),
        says("Sleeping 60 seconds because"),
    );
    until(&told, |event| ours(event) || its_own(event)).await;
    until(&told, |event| {
        matches!(event, Event::ShardWaiting { shard, reasons, .. } if *shard == name(0)
            && reasons.iter().any(|reason| matches!(reason, WaitReason::ReplicaLag { .. } | WaitReason::ReplicaTrouble { .. })))
    })
    .await;
    assert_eq!(column(&fleet).await, "int");
    // While it waits, the new table grows by what is written alone: nothing is copied.
    let new = new_table(&fleet).await;
    let copied = count(&fleet, &new).await;
    assert!(
        copied < count(&fleet, "big").await,
        "all was copied before it was paused"
    );
    fleet.clusters[0].resume_replay(0).await.unwrap();
    until(&told, says("goes on: the shard's nodes let it")).await;
    // What is left of the copy would take minutes; that it goes on is seen.
    let deadline = std::time::Instant::now() + greylag_lab::patience() * 2;
    while count(&fleet, &new).await <= copied {
        assert!(
            std::time::Instant::now() < deadline,
            "nothing more is copied"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    run.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_waits_while_the_replica_lags_on_mysql() {
    waits_for_the_replica(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_waits_while_the_replica_lags_on_mariadb() {
    waits_for_the_replica(Engine::MariaDb).await;
}

async fn is_cancelled_and_cleared_away(engine: Engine) {
    let Some(mut fleet) = given(engine, PT_OSC, 4000, slow(PT_OSC)).await else {
        return;
    };
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    until(&told, says("Copying approximately")).await;
    assert!(remains(&fleet).await.is_some());
    control.interrupt();
    // The first interrupt lets what is in flight come to its end.
    until(&told, says("Copying")).await;
    control.interrupt();
    let summary = run.await.unwrap();
    assert_ne!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(remains(&fleet).await, None, "{:#?}", lines(&told));
    assert_eq!(column(&fleet).await, "int");

    with_arguments(&mut fleet, PT_OSC, &[]);
    fleet.claim = None;
    let (run, told) = fleet.run(Options::default()).await;
    let summary = run.await.unwrap();
    assert_done(&summary, &told);
    assert_eq!(column(&fleet).await, "bigint");
    assert_eq!(remains(&fleet).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_tool_leaves_nothing_and_the_next_run_does_it_on_mysql() {
    is_cancelled_and_cleared_away(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_tool_leaves_nothing_and_the_next_run_does_it_on_mariadb() {
    is_cancelled_and_cleared_away(Engine::MariaDb).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_fails_is_told_in_its_own_words_and_leaves_nothing() {
    let Some(mut fleet) = given(Engine::MariaDb, PT_OSC, 100, &[]).await else {
        return;
    };
    fleet.files = vec![(
        "V1__widen.sql",
        "-- greylag:online pt-osc\nALTER TABLE big MODIFY nope bigint;",
    )];
    // The server says at once that there is no such column.
    let failure = failure_of(&fleet).await;
    assert_eq!(failure.code.as_deref(), Some("1054"), "{failure:?}");

    fleet.claim = None;
    fleet.files = vec![(
        "V2__key.sql",
        "-- greylag:online pt-osc\nALTER TABLE big DROP PRIMARY KEY, MODIFY id int NOT NULL;",
    )];
    let failure = failure_of(&fleet).await;
    assert!(
        failure
            .message
            .starts_with("pt-online-schema-change: it ended with"),
        "{failure:?}"
    );
    assert_eq!(failure.place.as_ref().unwrap().line, 2);
    assert_eq!(remains(&fleet).await, None);
}

/// Percona's tool copies with INSERT IGNORE: by itself it would cut the value, let the tables change places, and say that all is well.
async fn ends_where_a_value_would_be_cut(engine: Engine) {
    let Some(mut fleet) = given(engine, PT_OSC, 2000, &["--chunk-size=200"]).await else {
        return;
    };
    let long = "INSERT INTO big (a, b) VALUES (1, 'longer than the rest, and last')";
    assert_eq!(value(&fleet, long).await, None);
    fleet.files = vec![(
        "V1__narrow.sql",
        "-- greylag:online pt-osc\nALTER TABLE big MODIFY b varchar(5);",
    )];
    let failure = failure_of(&fleet).await;
    assert_eq!(failure.class, FailureClass::Data, "{failure:?}");
    assert!(
        failure.message.contains("would be cut") && failure.message.contains("1265"),
        "{failure:?}"
    );
    let longest = value(&fleet, "SELECT MAX(LENGTH(b)) FROM big").await;
    assert_eq!(longest.as_deref(), Some("30"));
    assert_eq!(remains(&fleet).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_would_be_cut_ends_the_tool_on_mysql() {
    ends_where_a_value_would_be_cut(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_would_be_cut_ends_the_tool_on_mariadb() {
    ends_where_a_value_would_be_cut(Engine::MariaDb).await;
}
