//! A replica is paused on its server: the rollout holds, says who, touches nothing beyond, and goes on once it is freed.

use crate::fleet::{Replicated, Told, ended, name, replaying, started, until};
use greylag_core::{
    event::Event,
    gate::WaitReason,
    node::Blame,
    outcome::Outcome,
    position::{Position, Reach},
};
use greylag_lab::{Engine, Options as ServerOptions};
use greylag_orchestrator::apply::{Options, Verdict};
use std::time::{Duration, Instant};

async fn holds_and_goes_on(engine: Engine) {
    holds_and_goes_on_with(engine, ServerOptions::default(), |position| {
        !matches!(position, Position::File { .. })
    })
    .await;
}

/// `is_such`: by what kind of position nodes are waited for.
async fn holds_and_goes_on_with(
    engine: Engine,
    options: ServerOptions,
    is_such: impl Fn(&Position) -> bool,
) {
    let full = std::env::var_os("GREYLAG_FULL").is_some_and(|full| full == "1");
    // The mission is six shards; three show the same in less time.
    let shards = if full { 6 } else { 3 };
    let Some(mut fleet) = Replicated::start_with(engine, shards, 2, options).await else {
        return;
    };
    let limit = Duration::from_secs(2);
    fleet.settings.limits.max_lag = limit;
    fleet.settings.limits.resume_lag = Duration::from_secs(1);
    let paused = 1;
    fleet.clusters[paused].pause_replay(0).await.unwrap();

    let (run, told) = fleet.run(Options::default()).await;
    let holds = |event: &Event| {
        matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::ReplicaLag { node, blame: Some(blame), .. }]
            if node.to_string() == "s2/replica-1" && matches!(blame, Blame::Paused | Blame::Stopped { .. })))
    };
    let begun = until(&told, replaying(paused)).await;
    let held = until(&told, holds).await;
    let over = held.duration_since(begun).saturating_sub(limit);
    println!(
        "{engine}, {shards} x 2: held {over:?} past the limit of {limit:?}, from when the shard was written"
    );
    let wanted = journalled(&told, paused);
    assert!(is_such(&wanted), "{wanted}");
    assert_eq!(reach(&fleet, paused, 0, &wanted).await, Reach::No);

    assert!(
        fleet
            .has(fleet.clusters[paused].primary(), paused, "one")
            .await
    );
    assert!(
        !fleet
            .has(fleet.clusters[paused].replica(0), paused, "one")
            .await
    );
    assert!(fleet.has(fleet.clusters[0].replica(1), 0, "one").await);
    for beyond in 2..shards {
        let primary = fleet.clusters[beyond].primary();
        assert!(
            !fleet.has(primary, beyond, "one").await,
            "s{} was touched",
            beyond + 1
        );
    }

    fleet.clusters[paused].resume_replay(0).await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    for at in 0..shards {
        for replica in fleet.clusters[at].replicas() {
            assert!(
                fleet.has(replica, at, "one").await,
                "s{} is not replayed",
                at + 1
            );
        }
    }
    for replica in 0..2 {
        assert_eq!(reach(&fleet, paused, replica, &wanted).await, Reach::Yes);
    }
    let told = told.lock().unwrap();
    let places = |what: &dyn Fn(&Event) -> bool| -> Vec<usize> {
        let all = told.iter().enumerate();
        all.filter(|(_, (_, event))| what(event))
            .map(|(at, _)| at)
            .collect()
    };
    let written = places(&replaying(paused))[0];
    let held = places(&holds)[0];
    let freed = places(&|event| matches!(event, Event::Held { reasons } if reasons.is_empty()));
    let freed = freed.into_iter().find(|at| *at > held).unwrap();
    let done = places(
        &|event| matches!(event, Event::ShardEnded { shard, outcome: Outcome::Applied, .. } if *shard == name(paused)),
    );
    assert!(written < held && held < done[0], "{told:#?}");
    for beyond in 2..shards {
        let begun = places(&started(beyond))[0];
        assert!(
            begun > done[0] && begun > freed,
            "{} began before {} was replayed, or under the hold",
            name(beyond),
            name(paused)
        );
    }
}

/// The position that a shard's replicas were to come to.
fn journalled(told: &Told, at: usize) -> Position {
    let told = told.lock().unwrap();
    let position = told.iter().find_map(|(_, event)| match event {
        Event::ShardReplaying {
            shard,
            position: Some(position),
            ..
        } if *shard == name(at) => Some(position.clone()),
        _ => None,
    });
    position.expect("a position")
}

/// Whether a replica is there, as it says itself.
async fn reach(fleet: &Replicated, at: usize, replica: usize, wanted: &Position) -> Reach {
    let target = fleet.target(at, fleet.clusters[at].replica(replica));
    let mut observer = greylag_engines::observe(&target).await.unwrap().unwrap();
    let seen = observer.observe().await.unwrap();
    observer.close().await;
    seen.position.expect("a position").reaches(wanted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_standby_holds_the_rollout_and_freeing_it_lets_it_go_on() {
    holds_and_goes_on(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_sql_thread_of_mysql_holds_the_rollout_and_starting_it_lets_it_go_on() {
    holds_and_goes_on(Engine::MySql).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_sql_thread_of_mariadb_holds_the_rollout_and_starting_it_lets_it_go_on() {
    holds_and_goes_on(Engine::MariaDb).await;
}

/// One hop: a place in the log of the server that a replica follows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mysql_replica_without_gtids_holds_by_log_and_offset_and_starting_it_lets_it_go_on() {
    let options = ServerOptions::default().without_gtids();
    holds_and_goes_on_with(Engine::MySql, options, |position| {
        matches!(position, Position::File { .. })
    })
    .await;
}

/// Where several shards go at once, it is the hold alone that keeps the next one: their number would let it begin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_standby_holds_what_the_number_in_flight_would_let_begin() {
    let full = std::env::var_os("GREYLAG_FULL").is_some_and(|full| full == "1");
    let (shards, replicas) = if full { (6, 2) } else { (4, 1) };
    let Some(mut fleet) = Replicated::start(Engine::Postgres, shards, replicas).await else {
        return;
    };
    fleet.done().await;
    fleet.settings.limits.max_lag = Duration::from_secs(2);
    fleet.settings.limits.resume_lag = Duration::from_secs(1);
    fleet.settings.poll = Duration::from_millis(200);
    fleet.policy.max_in_flight = 2;
    fleet
        .files
        .push(("V2__two.sql", "ALTER TABLE one ADD COLUMN two int;"));
    let two = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'one' AND column_name = 'two'";
    let has_two = async |at: usize| {
        let server = fleet.clusters[at].primary();
        let found = server.value(&fleet.databases[at].name, two).await.unwrap();
        found.as_deref() == Some("1")
    };

    // The first shard waits for its replica; the second for a reader, while the first one's lag grows past the limit.
    fleet.clusters[0].pause_replay(0).await.unwrap();
    let reader = fleet.read_one(1).await;
    let (run, told) = fleet.run(Options::default()).await;
    let begun = until(&told, replaying(0)).await;
    let held = until(&told, holds_for_the_paused).await;
    println!("held {:?} after the shard was written", held - begun);
    reader.batch_execute("COMMIT").await.unwrap();
    let free = until(&told, ended(1)).await;
    // One may be in flight besides the first, and the others wait: the rollout has looked at that since, more than once.
    let once = until_after(&told, free, holds_for_the_paused).await;
    until_after(&told, once, holds_for_the_paused).await;
    for at in 2..shards {
        assert!(!has_two(at).await, "s{} was touched", at + 1);
    }

    fleet.clusters[0].resume_replay(0).await.unwrap();
    let summary = run.await.unwrap();
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let told = told.lock().unwrap().clone();
    let place = |what: &dyn Fn(&Event) -> bool| told.iter().position(|(_, event)| what(event));
    let freed = place(&|event| matches!(event, Event::Held { reasons } if reasons.is_empty()));
    for at in 2..shards {
        assert!(has_two(at).await);
        let started = place(
            &|event| matches!(event, Event::ShardStarted { stage: 0, shard } if *shard == name(at)),
        );
        assert!(freed.unwrap() < started.unwrap(), "it began under the hold");
    }
}

fn holds_for_the_paused(event: &Event) -> bool {
    matches!(event, Event::Held { reasons } if matches!(&reasons[..],
        [WaitReason::ReplicaLag { node, blame: Some(Blame::Paused), .. }]
        if node.to_string() == "s1/replica-1"))
}

/// Waits until an event has been told later than then, and says when it was.
pub async fn until_after(told: &Told, then: Instant, what: impl Fn(&Event) -> bool) -> Instant {
    let deadline = Instant::now() + greylag_lab::patience();
    loop {
        let later = told
            .lock()
            .unwrap()
            .iter()
            .find(|(at, event)| *at > then && what(event))
            .map(|(at, _)| *at);
        if let Some(at) = later {
            return at;
        }
        assert!(Instant::now() < deadline, "not told again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
