//! Done means replayed: shards whose replicas are slow, dead, ignored or skipped, and orchestrators that are killed meanwhile.

use crate::{
    crashing::Crash,
    world::{Ran, World},
};
use greylag_core::{event::Event, gate::WaitReason, node::NodePolicy, outcome::Outcome};
use greylag_orchestrator::{
    Notice,
    apply::{Options, Verdict},
    steering::Request,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep};

pub type Told = Arc<Mutex<Vec<Event>>>;

/// Each shard has two replicas, `a` and `b`.
pub fn replicated(shards: usize, versions: u32) -> (World, Told) {
    let mut world = World::new(shards, versions);
    for n in 1..=shards {
        world.replicas(
            &format!("s{n}"),
            &[("a", NodePolicy::Guard), ("b", NodePolicy::Guard)],
        );
    }
    let told = listen(&mut world);
    (world, told)
}

pub fn listen(world: &mut World) -> Told {
    let told = Told::default();
    let ears = told.clone();
    world.watcher = Arc::new(move |notice: &Notice| {
        let event = match notice {
            Notice::Event(stamped) => stamped.event.clone(),
            Notice::Live { event, .. } => event.clone(),
            _ => return,
        };
        ears.lock().unwrap().push(event);
    });
    told
}

async fn until(told: &Told, what: impl Fn(&Event) -> bool) {
    let deadline = Instant::now() + greylag_lab::patience();
    while !told.lock().unwrap().iter().any(&what) {
        assert!(
            Instant::now() < deadline,
            "not told: {:#?}",
            told.lock().unwrap()
        );
        sleep(Duration::from_millis(5)).await;
    }
}

pub fn replays(event: &Event, of: &str) -> bool {
    matches!(event, Event::ShardReplaying { shard, .. } if shard.as_str() == of)
}

fn ended(told: &Told, of: &str) -> bool {
    told.lock().unwrap().iter().any(|event| {
        matches!(event, Event::ShardEnded { shard, outcome: Outcome::Applied, .. } if shard.as_str() == of)
    })
}

pub fn no_wait() -> Options {
    Options {
        until: Some(std::time::Instant::now()),
        ..Options::default()
    }
}

#[tokio::test]
async fn a_shard_is_done_once_its_replicas_show_its_rows_and_nothing_starts_before() {
    let (world, told) = replicated(3, 2);
    world.node("s1", "b", |node| node.paused = true);
    let (ran, ()) = tokio::join!(world.run(None), async {
        until(&told, |event| {
            matches!(event, Event::ShardWaiting { reasons, .. } if matches!(&reasons[..],
                [WaitReason::Replay { nodes, count: 1, .. }] if nodes[0].to_string() == "s1/b"))
        })
        .await;
        assert_eq!(world.rows("s1"), ["1", "2"]);
        assert!(!ended(&told, "s1"));
        for shard in ["s2", "s3"] {
            assert!(world.rows(shard).is_empty(), "{shard} went ahead");
        }
        world.node("s1", "b", |node| node.paused = false);
    });
    let (Ran::Ended(summary), _) = ran else {
        panic!("it was not told to crash")
    };
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    world.is_home();
    let told = told.lock().unwrap();
    let position = told.iter().find_map(|event| match event {
        Event::ShardReplaying { position, .. } => Some(position.clone()),
        _ => None,
    });
    assert_eq!(
        position.flatten(),
        Some(crate::nodes::position(&"s1".parse().unwrap(), 2, 0)),
        "the position is journalled"
    );
}

#[tokio::test]
async fn past_the_time_limit_a_run_that_may_not_wait_ends_as_waiting_and_the_next_takes_it_up() {
    let (mut world, told) = replicated(2, 1);
    world.settings(|settings| settings.timeout = Duration::from_millis(50));
    world.node("s1", "a", |node| node.paused = true);
    let (Ran::Ended(summary), _) = world.run_as(None, no_wait()).await else {
        panic!("it was not told to crash")
    };
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::Waiting, 4),
        "{summary:#?}"
    );
    assert!(told.lock().unwrap().iter().any(
        |event| matches!(event, Event::NotReplayed { nodes, .. } if nodes[0].to_string() == "s1/a")
    ));
    assert!(world.rows("s2").is_empty());

    told.lock().unwrap().clear();
    let (ran, ()) = tokio::join!(world.run(None), async {
        until(&told, |event| matches!(event, Event::ShardWaiting { .. })).await;
        assert!(world.rows("s2").is_empty());
        world.node("s1", "a", |node| node.paused = false);
    });
    let (Ran::Ended(summary), _) = ran else {
        panic!("it was not told to crash")
    };
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    let started = |event: &Event| matches!(event, Event::ShardStarted { shard, .. } if shard.as_str() == "s1");
    assert!(!told.lock().unwrap().iter().any(started), "run again");
    world.is_home();
}

#[tokio::test]
async fn an_orchestrator_killed_at_any_write_comes_home_with_every_shard_replayed() {
    // How events fall into writes differs from run to run: it is killed ever later, until it gets by.
    let mut at = 0;
    loop {
        let mut crashed = false;
        for durable in [false, true] {
            let (world, told) = replicated(2, 1);
            let (ran, _) = world.run(Some(Crash { at, durable })).await;
            crashed |= matches!(ran, Ran::Crashed);
            told.lock().unwrap().clear();
            let (ran, _) = world.run(None).await;
            assert!(matches!(ran, Ran::Ended(_)), "{at} {durable}");
            world.is_home();
            for ((shard, name), node) in world.nodes.lock().unwrap().iter() {
                assert!(
                    node.rows == 1 || name == "here",
                    "{shard}/{name} {at} {durable}"
                );
            }
        }
        if !crashed {
            break;
        }
        at += 1;
    }
    eprintln!("killed at {at} writes");
    // The rollout itself, and of each of two shards its start, that it is replayed, and its end: the end of the first goes with
    // the start of the second, and that of the second with the end of all.
    assert!(at > 4, "it was killed at {at} writes only");
}

#[tokio::test]
async fn a_replica_behind_by_more_than_the_limit_holds_everything_until_it_is_back_under_the_lower_one()
 {
    let (world, told) = replicated(2, 1);
    // Behind by its own account, and something is missing there.
    world.node("s2", "a", |node| {
        node.missing = 10;
        node.lag = Duration::from_secs(7);
    });
    let (ran, ()) = tokio::join!(world.run(None), async {
        until(&told, |event| matches!(event, Event::Held { reasons } if matches!(&reasons[..],
            [WaitReason::ReplicaLag { node, lag_ms: Some(lag), limit_ms: 5000, .. }] if node.to_string() == "s2/a" && *lag >= 7000)))
        .await;
        assert!(world.rows("s1").is_empty());
        // Between the two limits it still holds.
        world.node("s2", "a", |node| node.lag = Duration::from_secs(3));
        let looks = world.looks("s2", "a");
        while world.looks("s2", "a") < looks + 5 {
            sleep(Duration::from_millis(5)).await;
        }
        assert!(world.rows("s1").is_empty());
        world.node("s2", "a", |node| {
            node.lag = Duration::ZERO;
            node.missing = 0;
        });
        until(
            &told,
            |event| matches!(event, Event::Held { reasons } if reasons.is_empty()),
        )
        .await;
    });
    assert!(matches!(ran, (Ran::Ended(_), _)));
}

#[tokio::test]
async fn a_replica_that_cannot_be_looked_at_three_times_holds_though_nothing_is_known_against_it() {
    let (world, told) = replicated(2, 1);
    world.node("s2", "b", |node| node.dead = true);
    let (Ran::Ended(summary), _) = world.run_as(None, no_wait()).await else {
        panic!("it was not told to crash")
    };
    assert_eq!(
        (summary.verdict, summary.exit_code),
        (Verdict::Waiting, 4),
        "{summary:#?}"
    );
    assert!(told.lock().unwrap().iter().any(|event| matches!(event, Event::Held { reasons }
        if matches!(&reasons[..], [WaitReason::ReplicaUnseen { node, .. }] if node.to_string() == "s2/b"))));
    for shard in ["s1", "s2"] {
        assert!(world.rows(shard).is_empty(), "{shard}");
    }
    world.node("s2", "b", |node| node.dead = false);
    assert!(matches!(world.run(None).await, (Ran::Ended(_), _)));
    world.is_home();
}

#[tokio::test]
async fn a_replica_that_is_slow_rather_than_dead_is_given_more_time_and_seen_in_the_end() {
    let (world, told) = replicated(1, 1);
    // Longer than a look may take at first.
    world.node("s1", "b", |node| node.slow = Duration::from_millis(2500));
    let (Ran::Ended(summary), _) = world.run(None).await else {
        panic!("it was not told to crash")
    };
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert!(told.lock().unwrap().iter().any(|event| matches!(event, Event::Held { reasons }
        if matches!(&reasons[..], [WaitReason::ReplicaUnseen { node, .. }] if node.to_string() == "s1/b"))));
    world.is_home();
}

#[tokio::test]
async fn replicas_that_are_all_ignored_hold_and_observed_ones_do_not() {
    let ignored = || NodePolicy::Ignore {
        until: None,
        reason: "being rebuilt".into(),
    };
    let mut world = World::new(1, 1);
    world.replicas("s1", &[("a", ignored()), ("b", ignored())]);
    let told = listen(&mut world);
    let (Ran::Ended(summary), _) = world.run_as(None, no_wait()).await else {
        panic!("it was not told to crash")
    };
    assert_eq!(summary.verdict, Verdict::Waiting, "{summary:#?}");
    assert!(
        told.lock()
            .unwrap()
            .iter()
            .any(|event| matches!(event, Event::Held { reasons }
        if matches!(&reasons[..], [WaitReason::NoReplicas { .. }])))
    );

    let mut world = World::new(1, 1);
    world.replicas("s1", &[("a", NodePolicy::Observe), ("b", ignored())]);
    world.node("s1", "a", |node| node.dead = true);
    let (Ran::Ended(summary), _) = world.run(None).await else {
        panic!("it was not told to crash")
    };
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
}

#[tokio::test]
async fn a_person_may_skip_a_shard_whose_replicas_never_come() {
    let (mut world, told) = replicated(2, 1);
    world.settings(|settings| settings.timeout = Duration::from_millis(20));
    world.node("s1", "a", |node| node.paused = true);
    world.run_as(None, no_wait()).await;
    let shards = vec!["s1".parse().unwrap()];
    let reason = "a is being thrown away".into();
    world.steer(Request::Skip { shards, reason }).await.unwrap();
    // It lags as before, and holds nobody any more.
    let (Ran::Ended(summary), _) = world.run(None).await else {
        panic!("it was not told to crash")
    };
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(world.rows("s1"), ["1"]);
    assert_eq!(world.rows("s2"), ["1"]);
    assert!(!ended(&told, "s1"));
}

#[tokio::test]
async fn a_shard_that_is_skipped_while_its_replica_lags_lets_the_others_go() {
    let (world, told) = replicated(3, 1);
    world.node("s1", "a", |node| {
        node.missing = 10;
        node.lag = Duration::from_secs(60);
    });
    let skip = async {
        let holds = |event: &Event| {
            matches!(event, Event::Held { reasons }
                if matches!(&reasons[..], [WaitReason::ReplicaLag { node, .. }] if node.shard.as_str() == "s1"))
        };
        until(&told, holds).await;
        let shards = vec!["s1".parse().unwrap()];
        let reason = "a is being rebuilt".into();
        world.ask(Request::Skip { shards, reason }).await;
    };
    let (ran, ()) = tokio::join!(world.run(None), skip);
    let (Ran::Ended(summary), _) = ran else {
        panic!("it was not told to crash")
    };
    assert_eq!(summary.verdict, Verdict::Done, "{summary:#?}");
    assert_eq!(world.rows("s2"), ["1"]);
    assert_eq!(world.rows("s3"), ["1"]);
    // Watched it still is.
    let lets_go = |event: &Event| matches!(event, Event::Held { reasons } if reasons.is_empty());
    assert!(told.lock().unwrap().iter().any(lets_go));
    assert!(world.rows("s1").is_empty());
}

#[tokio::test]
async fn without_replicas_nothing_is_asked_and_nothing_is_watched() {
    let mut world = World::new(2, 1);
    let told = listen(&mut world);
    assert!(matches!(world.run(None).await, (Ran::Ended(_), _)));
    world.is_home();
    assert!(
        world.nodes.lock().unwrap().is_empty(),
        "a node was looked at"
    );
    for database in world.databases.0.values() {
        assert!(!database.lock().unwrap().calls.contains(&"position"));
    }
    assert!(
        !told
            .lock()
            .unwrap()
            .iter()
            .any(|event| replays(event, "s1"))
    );
}
