mod unknown;

use super::*;
use crate::{
    engine::Engine,
    node::{Conflicts, Replay, Slot, Subscription, Unobservable, Upstream},
    outcome::Blocker,
    survey::Server,
};
use jiff::{SignedDuration, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn wal(lsn: u64) -> Option<Position> {
    Some(Position::Wal {
        system: "7".into(),
        timeline: 1,
        lsn,
    })
}

fn node(address: &str, role: SeenRole, lsn: u64) -> NodeSighting {
    let server = Server {
        engine: Engine::Postgres,
        version: "15".into(),
        lineage: "7".into(),
        database: "d".into(),
        address: address.into(),
        dialled: String::new(),
        instance: None,
    };
    NodeSighting {
        position: wal(lsn),
        ..NodeSighting::bare(at(100), server, address.into(), role)
    }
}

fn primary(lsn: u64) -> NodeSighting {
    node("10.0.0.1:5432", SeenRole::Primary, lsn)
}

fn replica(lsn: u64) -> NodeSighting {
    NodeSighting {
        received: wal(lsn),
        upstream: Some(Upstream {
            connected: true,
            ..Upstream::default()
        }),
        replay: Some(Replay {
            state: ReplayState::Running,
            lag: None,
            delay: None,
        }),
        ..node("10.0.0.2:5432", SeenRole::Replica, lsn)
    }
}

fn trail(marks: &[(i64, u64)]) -> Trail {
    let mut trail = Trail::default();
    for (seconds, lsn) in marks {
        trail.note(at(*seconds), &wal(*lsn).unwrap());
    }
    trail
}

fn judged(primary: Option<&NodeSighting>, node: &NodeSighting, trail: &Trail) -> Standing {
    judge(&Case {
        role: NodeRole::Replica,
        node,
        primary,
        trail,
        before: None,
        peers: &[],
        max_lag: Duration::from_secs(5),
    })
}

#[test]
fn an_idle_primary_has_replicas_without_lag_whatever_their_clocks_say() {
    let mut idle = replica(500);
    idle.replay.as_mut().unwrap().lag = Some(Duration::from_secs(15));
    let standing = judged(Some(&primary(500)), &idle, &trail(&[(0, 500)]));
    assert_eq!(
        (standing.state, standing.lag.time, standing.blame),
        (NodeState::Good, Some(Duration::ZERO), None)
    );
}

#[test]
fn lag_is_since_when_the_primary_has_been_where_the_replica_is_not() {
    let trail = trail(&[(80, 100), (92, 200), (99, 300)]);
    let standing = judged(Some(&primary(300)), &replica(150), &trail);
    assert_eq!(standing.lag.time, Some(Duration::from_secs(8)));
    assert_eq!(standing.lag.distance, Some(Distance::Bytes(150)));
    assert_eq!(standing.state, NodeState::Lagging);
}

#[test]
fn what_is_missing_is_blamed_on_where_most_of_it_lies() {
    let trail = trail(&[(80, 100), (99, 1000)]);
    let mut far = replica(100);
    let blame =
        |node: &NodeSighting, primary: &NodeSighting| judged(Some(primary), node, &trail).blame;
    // Nothing has come in.
    assert_eq!(blame(&far, &primary(1000)), Some(Blame::Network));
    // All has come in.
    far.received = wal(990);
    assert_eq!(blame(&far, &primary(1000)), Some(Blame::Apply));
    // It was sent, and isn't flushed.
    let mut served = primary(1000);
    served.children = vec![Child {
        name: "b".into(),
        address: Some("10.0.0.2".into()),
        sent: wal(990),
        flushed: wal(150),
        replayed: wal(100),
        ..Child::default()
    }];
    far.received = wal(150);
    assert_eq!(blame(&far, &served), Some(Blame::ReplicaDisk));
}

#[test]
fn whoever_holds_replay_up_is_named_and_not_the_migration() {
    let trail = trail(&[(80, 100), (99, 1000)]);
    let mut held = replica(100);
    held.received = wal(1000);
    let by = vec![Blocker {
        pid: "4711".into(),
        user: None,
        application: None,
        query: Some("SELECT pg_sleep(600)".into()),
        open_ms: Some(720_000),
        holds: None,
    }];
    let states = [
        (ReplayState::Paused, Blame::Paused),
        (
            ReplayState::Blocked { by: by.clone() },
            Blame::Blocked { by },
        ),
        (
            ReplayState::Stopped {
                error: Some("1032".into()),
            },
            Blame::Stopped {
                error: Some("1032".into()),
            },
        ),
    ];
    for (state, blame) in states {
        held.replay.as_mut().unwrap().state = state;
        let standing = judged(Some(&primary(1000)), &held, &trail);
        assert_eq!(
            (standing.state, standing.blame),
            (NodeState::Stalled, Some(blame))
        );
    }
}

#[test]
fn a_replica_that_gets_nothing_is_disconnected_though_it_has_replayed_all_it_got() {
    let mut cut = replica(500);
    cut.upstream.as_mut().unwrap().connected = false;
    let standing = judged(Some(&primary(500)), &cut, &trail(&[(0, 500)]));
    assert_eq!(standing.state, NodeState::Stalled);
    assert_eq!(standing.blame, Some(Blame::Disconnected { error: None }));
    // A line that was cut without a word looks connected still.
    let mut deaf = replica(500);
    deaf.upstream.as_mut().unwrap().heard = Some(Duration::from_secs(90));
    let standing = judged(Some(&primary(500)), &deaf, &trail(&[(0, 500)]));
    assert_eq!(standing.blame, Some(Blame::Disconnected { error: None }));
}

#[test]
fn lag_that_is_meant_is_not_counted_against_the_limit() {
    let mut slow = replica(100);
    slow.received = wal(1000);
    slow.replay.as_mut().unwrap().delay = Some(Duration::from_secs(60));
    let trail = trail(&[(40, 100), (45, 1000)]);
    let standing = judged(Some(&primary(1000)), &slow, &trail);
    assert_eq!(standing.state, NodeState::Good);
    let by = Duration::from_secs(60);
    assert_eq!(standing.blame, Some(Blame::Delayed { by }));
}

#[test]
fn what_the_account_may_not_see_is_unobservable_and_never_zero() {
    let mut blind = replica(0);
    blind.position = None;
    blind.unobservable = vec![Unobservable {
        what: "where it stands".into(),
        mend: "GRANT pg_monitor TO greylag".into(),
    }];
    let standing = judged(Some(&primary(500)), &blind, &trail(&[(0, 500)]));
    assert_eq!(standing.state, NodeState::Unobservable);
    assert_eq!(
        standing.blame,
        Some(Blame::Unobservable {
            what: "where it stands".into(),
            mend: Some("GRANT pg_monitor TO greylag".into())
        })
    );
    let alone = judged(None, &replica(500), &Trail::default());
    assert_eq!(alone.state, NodeState::Unobservable);
    assert_eq!(alone.lag.time, None);
}

#[test]
fn a_replica_of_something_else_is_refused_and_so_is_a_primary() {
    let mut stranger = replica(500);
    stranger.server.lineage = "8".into();
    stranger.position = Some(Position::Wal {
        system: "8".into(),
        timeline: 1,
        lsn: 500,
    });
    for found in [&stranger, &node("10.0.0.2:5432", SeenRole::Primary, 500)] {
        let standing = judged(Some(&primary(500)), found, &trail(&[(0, 500)]));
        assert_eq!(standing.state, NodeState::Refused);
        assert!(
            standing.findings[0].text.contains("10.0.0.2"),
            "{standing:?}"
        );
    }
}

#[test]
fn far_behind_and_gaining_is_catching_up() {
    let mut restored = replica(400);
    restored.received = wal(900);
    let trail = trail(&[(10, 300), (90, 1000)]);
    let earlier = (replica(300), Some(Distance::Bytes(700)));
    let case = |before| Case {
        role: NodeRole::Replica,
        node: &restored,
        primary: None,
        trail: &trail,
        before,
        peers: &[],
        max_lag: Duration::from_secs(2),
    };
    let there = primary(1000);
    let with = |case: Case<'_>| {
        judge(&Case {
            primary: Some(&there),
            ..case
        })
        .state
    };
    assert_eq!(
        with(case(Some((&earlier.0, earlier.1)))),
        NodeState::CatchingUp
    );
    assert_eq!(with(case(None)), NodeState::Lagging);
    let standing_still = Some((&earlier.0, Some(Distance::Bytes(600))));
    assert_eq!(with(case(standing_still)), NodeState::Lagging);
}

#[test]
fn cancelled_queries_are_told_once_and_only_the_new_ones() {
    let counts = |lock: u64| {
        let mut conflicts = Conflicts::default();
        conflicts.cancelled.insert("lock".into(), lock);
        conflicts.cancelled.insert("snapshot".into(), 9);
        Some(conflicts)
    };
    let mut now = replica(500);
    now.conflicts = counts(5);
    let mut before = replica(500);
    before.conflicts = counts(3);
    let there = primary(500);
    let judged = |before| {
        judge(&Case {
            role: NodeRole::Replica,
            node: &now,
            primary: Some(&there),
            trail: &trail(&[(0, 500)]),
            before,
            peers: &[],
            max_lag: Duration::from_secs(5),
        })
        .findings
    };
    let findings = judged(Some((&before, None)));
    assert_eq!(findings.len(), 1);
    assert!(findings[0].text.ends_with("2 by lock"), "{findings:?}");
    assert!(
        judged(None).is_empty(),
        "what was before we looked is not news"
    );
}

#[test]
fn a_slot_that_is_lost_or_nearly_so_is_a_problem_of_the_primary() {
    let slot = |status: &str, safe| Slot {
        name: "cdc".into(),
        logical: true,
        database: None,
        active: true,
        confirmed: None,
        retained_bytes: Some(1_000),
        safe_bytes: safe,
        status: Some(status.into()),
        invalidated: None,
    };
    let kinds = |slot: Slot| {
        let mut there = primary(500);
        there.slots = vec![slot];
        let standing = judge(&Case {
            role: NodeRole::Primary,
            node: &there,
            primary: None,
            trail: &Trail::default(),
            before: None,
            peers: &[],
            max_lag: Duration::from_secs(5),
        });
        let kinds = standing.findings.into_iter().map(|finding| finding.kind);
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(kinds(slot("lost", None)), ["slot-lost"]);
    assert_eq!(kinds(slot("unreserved", Some(0))), ["slot-near-limit"]);
    assert_eq!(kinds(slot("extended", Some(100))), ["slot-near-limit"]);
    assert!(kinds(slot("reserved", Some(5_000))).is_empty());
    assert!(kinds(slot("reserved", None)).is_empty());
}

#[test]
fn a_long_trail_keeps_its_age_and_is_thinned_out() {
    let mut long = Trail::default();
    for second in 0..10_000 {
        long.note(at(second), &wal(second as u64).unwrap());
    }
    assert!(
        long.lag(&wal(9_999).unwrap(), at(10_000))
            .unwrap()
            .time
            .is_zero()
    );
    let recent = long.lag(&wal(9_990).unwrap(), at(10_000)).unwrap().time;
    assert_eq!(recent, Duration::from_secs(9));
    let old = long.lag(&wal(1).unwrap(), at(10_000)).unwrap().time;
    assert!(old > Duration::from_secs(9_000), "{old:?}");
}
