//! Replicas that are far behind when a run begins: nobody knows since when, and no shard is touched before they have come to where
//! their primary was.

use crate::fleet::{Replicated, Told, assert_done, ended, name, until};
use greylag_core::{
    event::Event,
    gate::WaitReason,
    node::{Blame, NodeState},
};
use greylag_lab::{Engine, Server};
use greylag_orchestrator::{apply::Options, replicas::look_at_nodes};
use std::{process::Command, time::Duration};

/// A database that replicas share, and so much written to it that they have still to replay.
async fn fall_behind(fleet: &Replicated, at: usize) {
    let primary = fleet.clusters[at].primary();
    let database = &fleet.databases[at].name;
    let begin = "CREATE TABLE backlog (id int PRIMARY KEY)";
    primary.execute(database, begin).await.unwrap();
    for id in 0..20 {
        let insert = format!("INSERT INTO backlog VALUES ({id})");
        primary.execute(database, &insert).await.unwrap();
    }
}

/// Something of the run has been told; nothing of any shard was begun before it.
fn assert_nothing_began_before(told: &Told, what: impl Fn(&Event) -> bool) {
    let told = told.lock().unwrap();
    let first = told.iter().position(|(_, event)| what(event)).unwrap();
    let began = |event: &Event| matches!(event, Event::ShardStarted { .. });
    let before: Vec<_> = told[..first].iter().filter(|(_, one)| began(one)).collect();
    assert!(before.is_empty(), "{before:#?}");
}

fn is_held(event: &Event, by: &str, is_whose: impl Fn(&Blame) -> bool) -> bool {
    let is_it = |reason: &WaitReason| {
        matches!(reason, WaitReason::ReplicaLag { node, blame: Some(blame), distance: Some(_), at_least: true, .. }
            if node.to_string() == by && is_whose(blame))
    };
    matches!(event, Event::Held { reasons } if !reasons.is_empty() && reasons.iter().all(is_it))
}

async fn assert_untouched(fleet: &Replicated) {
    for (at, cluster) in fleet.clusters.iter().enumerate() {
        let primary = cluster.primary();
        assert!(!fleet.has(primary, at, "one").await, "{} was", name(at));
    }
}

/// The last replica of the second shard replays nothing when the run begins, and much was written since.
async fn holds_for_a_replica_that_stood_before(mut fleet: Replicated) {
    fleet.settings.poll = Duration::from_millis(200);
    // However long the limit: what is not known is not within it.
    fleet.settings.limits.max_lag = greylag_lab::patience() * 10;
    // Their tables are there already.
    fleet.claim = Some(1);
    let last = fleet.clusters[1].replicas().len() - 1;
    fleet.clusters[1].pause_replay(last).await.unwrap();
    fall_behind(&fleet, 1).await;
    let node = format!("s2/replica-{}", last + 1);

    let (run, told) = fleet.run(Options::default()).await;
    let held = |event: &Event| {
        is_held(event, &node, |blame| {
            matches!(blame, Blame::Paused | Blame::Stopped { .. })
        })
    };
    until(&told, held).await;
    assert_nothing_began_before(&told, held);
    assert_untouched(&fleet).await;
    fleet.clusters[1].resume_replay(last).await.unwrap();
    assert_done(&run.await.unwrap(), &told);
    let replica = fleet.clusters[1].replica(last);
    assert!(fleet.has(replica, 1, "one").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sql_thread_of_mysql_that_was_stopped_before_the_run_holds_it_from_the_first_look() {
    if let Some(fleet) = Replicated::start(Engine::MySql, 2, 1).await {
        holds_for_a_replica_that_stood_before(fleet).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sql_thread_of_mariadb_that_was_stopped_before_the_run_holds_it_from_the_first_look() {
    if let Some(fleet) = Replicated::start(Engine::MariaDb, 2, 1).await {
        holds_for_a_replica_that_stood_before(fleet).await;
    }
}

/// Its primary measures nothing of it: it is fed by the other one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_cascade_that_was_paused_before_the_run_holds_it_from_the_first_look() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    fleet.clusters[1].cascade(0).await.unwrap();
    fleet.clusters[1].wait_replayed().await.unwrap();
    holds_for_a_replica_that_stood_before(fleet).await;
}

/// The process that replays is stopped, which the server itself does not know of.
struct Frozen(String);

impl Frozen {
    async fn of(standby: &Server) -> Frozen {
        let sql = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'startup'";
        let pid = standby.value("postgres", sql).await.unwrap().unwrap();
        let frozen = Frozen(pid);
        frozen.signal("-STOP");
        frozen
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.0]).status();
        assert!(sent.unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_says_it_replays_and_is_far_behind_is_not_taken_for_level() {
    let Some(mut fleet) = Replicated::start(Engine::Postgres, 2, 1).await else {
        return;
    };
    fleet.settings.poll = Duration::from_millis(200);
    fleet.settings.limits.max_lag = greylag_lab::patience() * 10;
    fleet.claim = Some(1);
    fleet.clusters[1].cascade(0).await.unwrap();
    fleet.clusters[1].wait_replayed().await.unwrap();
    let frozen = Frozen::of(fleet.clusters[1].replica(1)).await;
    fall_behind(&fleet, 1).await;

    // A page gives it a chance, and then says what it knows.
    let nodes = look_at_nodes(&fleet.setup().await, None).await;
    let node = nodes
        .iter()
        .find(|node| node.node().to_string() == "s2/replica-2")
        .unwrap();
    assert!(node.lag_at_least && node.is_short(), "{node:#?}");
    assert_eq!(node.state, NodeState::Good);
    assert!(node.in_trouble(jiff::Timestamp::now()));

    let (run, told) = fleet.run(Options::default()).await;
    let held = |event: &Event| is_held(event, "s2/replica-2", |blame| *blame == Blame::Apply);
    until(&told, held).await;
    assert_nothing_began_before(&told, held);
    assert_untouched(&fleet).await;
    frozen.signal("-CONT");
    assert_done(&run.await.unwrap(), &told);
}

/// A replica that is well comes to the mark, though its primary never rests.
async fn goes_though_the_primary_is_never_idle(engine: Engine) {
    let Some(mut fleet) = Replicated::start(engine, 1, 1).await else {
        return;
    };
    fleet.settings.poll = Duration::from_millis(100);
    fleet.claim = Some(1);
    fall_behind(&fleet, 0).await;
    let (run, told) = fleet.run(Options::default()).await;
    let primary = fleet.clusters[0].primary();
    let writes = async {
        for id in 1_000.. {
            let insert = format!("INSERT INTO backlog VALUES ({id})");
            let database = &fleet.databases[0].name;
            primary.execute(database, &insert).await.unwrap();
        }
    };
    tokio::select! {
        () = writes => unreachable!(),
        _ = until(&told, ended(0)) => {}
    }
    assert_done(&run.await.unwrap(), &told);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_of_a_primary_that_never_rests_lets_the_run_go_on() {
    goes_though_the_primary_is_never_idle(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_a_mysql_that_never_rests_lets_the_run_go_on() {
    goes_though_the_primary_is_never_idle(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_of_a_mariadb_that_never_rests_lets_the_run_go_on() {
    goes_though_the_primary_is_never_idle(Engine::MariaDb).await;
}
