//! Before a lock that standbys replay: a moment in which all of them are quiet, and what is said of those that are not, or can't be asked.

use crate::{
    fleet::{Replicated, replaying, session, until},
    table::{failed, failure_of, retry},
};
use greylag_core::{
    event::Event,
    gate::{StandbyEffect, WaitReason},
    outcome::{Failure, FailureClass, Left},
};
use greylag_lab::{Engine, Proxy, Server};
use greylag_orchestrator::{
    Control,
    apply::{Options, Verdict},
};
use std::time::Duration;
use tokio_postgres::Client;

const TWO: (&str, &str) = ("V2__two.sql", "ALTER TABLE one ADD COLUMN two int;");

/// Somebody who reads `one` on a standby for so long already that nobody thinks he is through in a moment; and his process there.
async fn reads(fleet: &Replicated, standby: &Server) -> (Client, String) {
    let url = standby.url(&fleet.databases[0].name);
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM one;";
    let reader = session(&url, begin).await;
    let old = "SELECT clock_timestamp() - now() > interval '1500 milliseconds'";
    while !reader.query_one(old, &[]).await.unwrap().get::<_, bool>(0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let pid = "SELECT pg_backend_pid()";
    let pid: i32 = reader.query_one(pid, &[]).await.unwrap().get(0);
    (reader, pid.to_string())
}

/// For `until`: it waits for these readers, each on a standby, and for nobody else.
fn waits_for(readers: &[(&str, &str)]) -> impl Fn(&Event) -> bool {
    let wanted: Vec<(String, String)> = readers
        .iter()
        .map(|(node, pid)| (format!("s1/{node}"), (*pid).to_owned()))
        .collect();
    move |event| {
        let Event::ShardWaiting { reasons, .. } = event else {
            return false;
        };
        let found: Option<Vec<_>> = reasons
            .iter()
            .map(|reason| match reason {
                WaitReason::StandbyQueries { node, blockers, .. } if blockers.len() == 1 => {
                    Some((node.to_string(), blockers[0].pid.clone()))
                }
                _ => None,
            })
            .collect();
        found.is_some_and(|found| found == wanted)
    }
}

fn foretells(effect: StandbyEffect) -> impl Fn(&Event) -> bool {
    move |event| {
        matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..],
            [WaitReason::StandbyQueries { effect: said, .. }] if *said == effect))
    }
}

async fn has_column(fleet: &Replicated, at: usize) -> bool {
    let column = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'one' AND column_name = 'two'";
    let primary = fleet.clusters[at].primary();
    let found = primary.value(&fleet.databases[at].name, column).await;
    found.unwrap().as_deref() != Some("0")
}

/// The failure of a shard that was not touched.
async fn assert_untouched(fleet: &Replicated, at: usize, failure: &Failure) {
    assert_eq!(failure.class, FailureClass::Lock, "{failure:?}");
    assert_eq!(failure.left, Left::Nothing, "{failure:?}");
    assert!(!has_column(fleet, at).await, "it was touched");
    let history = "SELECT count(*) FROM greylag_schema_history WHERE version = '2'";
    let primary = fleet.clusters[at].primary();
    let rows = primary.value(&fleet.databases[at].name, history).await;
    assert_eq!(rows.unwrap().as_deref(), Some("0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_was_quiet_is_asked_again_while_another_is_not() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 2).await else {
        return;
    };
    fleet.done().await;
    fleet.files.push(TWO);
    let (second, pid_there) = reads(&fleet, fleet.clusters[0].replica(1)).await;
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, waits_for(&[("replica-2", &pid_there)])).await;

    // The first one had nobody when it was asked.
    let (first, pid_here) = reads(&fleet, fleet.clusters[0].replica(0)).await;
    let both = [("replica-1", &*pid_here), ("replica-2", &*pid_there)];
    until(&told, waits_for(&both)).await;
    second.batch_execute("COMMIT").await.unwrap();
    until(&told, waits_for(&both[..1])).await;
    assert!(!has_column(&fleet, 0).await, "it did not wait");

    first.batch_execute("COMMIT").await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(has_column(&fleet, 0).await);
}

/// How long a standby lets its readers hold replay up.
async fn be_patient(standby: &Server, patience: &str) {
    let set = format!("ALTER SYSTEM SET max_standby_streaming_delay = '{patience}'");
    for sql in [&*set, "SELECT pg_reload_conf()"] {
        standby.execute("postgres", sql).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_readers_is_foretold_by_the_standby_s_patience() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.done().await;
    fleet.files.push(TWO);
    let standby = fleet.clusters[0].replica(0);
    be_patient(standby, "7s").await;
    let (_reader, _) = reads(&fleet, standby).await;
    let control = Control::new();
    let (run, told) = fleet.run_under(Options::default(), control.clone()).await;
    until(&told, foretells(StandbyEffect::Cancels { after_ms: 7000 })).await;
    be_patient(standby, "-1").await;
    until(&told, foretells(StandbyEffect::Stalls)).await;
    // A person who asks it to end is heard while it waits.
    control.interrupt();
    let summary = run.await.unwrap();
    assert_ne!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(!has_column(&fleet, 0).await, "it was touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_who_stay_past_the_deadline_fail_their_shard_untouched_and_by_name() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    fleet.done().await;
    fleet.files.push(TWO);
    // Long enough to come to the standby on a busy machine.
    fleet.policy.lock_deadline = Duration::from_secs(5);
    let standby = fleet.clusters[0].replica(0);
    be_patient(standby, "-1").await;
    let (reader, pid) = reads(&fleet, standby).await;
    let failure = failure_of(&fleet).await;
    assert_untouched(&fleet, 0, &failure).await;
    let what = format!(
        "queries on standby s1/replica-1 (pid {pid} there) would stall the replay of the migration's lock"
    );
    assert!(failure.message.starts_with(&what), "{failure:?}");
    assert_eq!(failure.blockers[0].pid, pid);

    reader.batch_execute("COMMIT").await.unwrap();
    retry(&fleet).await;
    fleet.done().await;
    assert!(has_column(&fleet, 0).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_a_standby_that_comes_to_nothing_is_said_and_made_again() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 1, 1).await else {
        return;
    };
    let proxy = Proxy::start(fleet.clusters[0].replica(0).port())
        .await
        .unwrap();
    fleet.doors.insert((0, 0), proxy.port());
    fleet.done().await;
    fleet.files.push(TWO);
    // What it calls itself goes to the server first of all.
    proxy.cut_before_client_sends(b"greylag/preflight");
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, is_unseen).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    proxy.wait_trapped(1).await;
    assert!(has_column(&fleet, 0).await);
}

fn is_unseen(event: &Event) -> bool {
    matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..],
        [WaitReason::ReplicaUnseen { why, since: Some(_), .. }]
        if why.starts_with("who reads there before the migration's lock can't be asked: ")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_can_t_be_asked_until_the_deadline_fails_its_shard_untouched() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    let proxy = Proxy::start(fleet.clusters[1].replica(0).port())
        .await
        .unwrap();
    fleet.doors.insert((1, 0), proxy.port());
    fleet.done().await;
    fleet.files.push(TWO);
    // Long enough to come to the standby on a busy machine.
    fleet.policy.lock_deadline = Duration::from_secs(5);
    // The first shard keeps the second waiting, until the connections that watch are there.
    fleet.settings.limits.max_lag = Duration::from_secs(3600);
    fleet.settings.limits.resume_lag = Duration::from_secs(3600);
    fleet.clusters[0].pause_replay(0).await.unwrap();
    let (run, told) = fleet.run(Options::default()).await;
    until(&told, replaying(0)).await;
    proxy.refuse(true).await.unwrap();
    fleet.clusters[0].resume_replay(0).await.unwrap();
    until(&told, is_unseen).await;
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Split, "{summary:#?}");
    let failure = failed(&told);
    assert_untouched(&fleet, 1, &failure).await;
    assert!(
        failure.message.starts_with(
            "who reads on standby s2/replica-1 before the migration's lock could not be asked"
        ),
        "{failure:?}"
    );

    proxy.refuse(false).await.unwrap();
    retry(&fleet).await;
    fleet.done().await;
    assert!(has_column(&fleet, 1).await);
}
