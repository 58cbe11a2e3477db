use super::*;
use std::collections::BTreeMap;

const SECOND: Duration = Duration::from_secs(1);

fn wal(timeline: u32, lsn: u64) -> Position {
    Position::Wal {
        system: "7".into(),
        timeline,
        lsn,
    }
}

fn primary(position: Position) -> Answer {
    Answer {
        role: Role::Primary,
        position: Some(position),
    }
}

fn replica(position: Position) -> Answer {
    Answer {
        role: Role::Replica,
        position: Some(position),
    }
}

/// A primary and two replicas, one of them behind, just asked.
fn three(now: Instant) -> Tracker {
    let mut tracker = Tracker::new(["p", "near", "far"]);
    tracker.answered("p", now, primary(wal(1, 1000)));
    tracker.answered("near", now, replica(wal(1, 1000)));
    tracker.answered("far", now, replica(wal(1, 400)));
    tracker
}

#[test]
fn a_replica_that_has_the_position_is_chosen_and_else_the_primary() {
    let now = Instant::now();
    let tracker = three(now);
    let at = |lsn| tracker.choose(Some(&wal(1, lsn)), now).unwrap();
    for _ in 0..5 {
        assert_eq!(at(900).node, "near");
    }
    assert_eq!(
        at(1001),
        Choice {
            node: "p",
            role: Role::Primary,
            because: Because::Behind {
                nearest: Some(Distance::Bytes(1))
            }
        }
    );
}

#[test]
fn replicas_take_turns_and_one_that_comes_back_gets_no_more_than_its_share() {
    let now = Instant::now();
    let mut tracker = three(now);
    tracker.answered("third", now, replica(wal(1, 700)));
    let count = |tracker: &Tracker, times| {
        let mut chosen = BTreeMap::new();
        for _ in 0..times {
            let node = tracker.choose(Some(&wal(1, 100)), now).unwrap().node;
            *chosen.entry(node.to_owned()).or_insert(0) += 1;
        }
        chosen
    };
    assert_eq!(
        count(&tracker, 30),
        [("far", 10), ("near", 10), ("third", 10)]
            .map(|(name, n)| (name.to_owned(), n))
            .into()
    );
    tracker.silent("far", now);
    assert_eq!(count(&tracker, 100).len(), 2);
    tracker.answered("far", now, replica(wal(1, 800)));
    assert_eq!(count(&tracker, 30)["far"], 10);
}

#[test]
fn an_old_answer_is_not_trusted() {
    let then = Instant::now();
    let mut tracker = three(then);
    let trust = Limits::default().trust;
    assert_eq!(
        tracker
            .choose(Some(&wal(1, 900)), then + trust)
            .unwrap()
            .node,
        "near"
    );
    let now = then + trust + Duration::from_nanos(1);
    assert_eq!(
        tracker.choose(Some(&wal(1, 900)), now),
        Err(NoNode::Silence { trust })
    );
    tracker.answered("p", now, primary(wal(1, 1000)));
    assert_eq!(
        tracker.choose(Some(&wal(1, 900)), now).unwrap().because,
        Because::NoReplica
    );
}

#[test]
fn a_node_that_did_not_answer_is_left_out_until_it_does() {
    let now = Instant::now();
    let mut tracker = three(now);
    tracker.silent("near", now + SECOND);
    let chosen = |tracker: &Tracker| {
        tracker
            .choose(Some(&wal(1, 900)), now + SECOND)
            .unwrap()
            .node
            .to_owned()
    };
    assert_eq!(chosen(&tracker), "p");
    // A late answer to an older question changes nothing.
    tracker.answered("near", now, replica(wal(1, 1000)));
    assert_eq!(chosen(&tracker), "p");
    tracker.answered("near", now + SECOND, replica(wal(1, 1000)));
    assert_eq!(chosen(&tracker), "near");
}

#[test]
fn a_replica_that_went_back_is_believed_to_have_gone_back() {
    let now = Instant::now();
    let mut tracker = three(now);
    tracker.answered("near", now + SECOND, replica(wal(1, 10)));
    let choice = tracker.choose(Some(&wal(1, 900)), now + SECOND).unwrap();
    assert_eq!(choice.node, "p");
}

#[test]
fn a_replica_that_cannot_tell_is_read_only_by_those_who_wrote_nothing() {
    let now = Instant::now();
    let mut tracker = Tracker::new(["p", "r"]);
    tracker.answered("p", now, primary(wal(1, 1000)));
    let mute = Answer {
        role: Role::Replica,
        position: None,
    };
    tracker.answered("r", now, mute);
    assert_eq!(tracker.choose(None, now).unwrap().node, "r");
    assert_eq!(tracker.choose(Some(&wal(1, 1)), now).unwrap().node, "p");
}

#[test]
fn a_replica_too_far_behind_is_read_by_nobody() {
    let now = Instant::now();
    let limits = Limits {
        behind: Some(Distance::Bytes(100)),
        ..Limits::default()
    };
    let mut tracker = three(now).with(limits);
    for _ in 0..4 {
        assert_eq!(tracker.choose(None, now).unwrap().node, "near");
    }
    // How far behind, nobody can tell without the primary.
    tracker.silent("p", now);
    assert!(matches!(
        tracker.choose(None, now),
        Err(NoNode::NoPrimary { .. })
    ));
}

#[test]
fn after_a_failover_a_position_of_the_old_timeline_is_read_on_the_primary() {
    let now = Instant::now();
    let mut tracker = three(now);
    // `near` was promoted; `far` has not noticed, and would pass for one that has the position.
    tracker.silent("p", now);
    tracker.answered("near", now, primary(wal(2, 1200)));
    tracker.answered("far", now, replica(wal(1, 1100)));
    let choice = tracker.choose(Some(&wal(1, 1050)), now).unwrap();
    assert_eq!(
        (choice.node, choice.because),
        ("near", Because::OtherStream)
    );
    // Who writes anew is served by the replica again as soon as it follows.
    tracker.answered("far", now, replica(wal(2, 1300)));
    let choice = tracker.choose(Some(&wal(2, 1250)), now).unwrap();
    assert_eq!((choice.node, choice.because), ("far", Because::Replayed));
}

#[test]
fn of_two_primaries_the_one_on_the_newer_timeline_is_meant_or_nobody() {
    let now = Instant::now();
    let mut tracker = Tracker::new(["old", "new"]);
    tracker.answered("old", now, primary(wal(1, 9000)));
    tracker.answered("new", now, primary(wal(2, 1200)));
    assert_eq!(tracker.choose(None, now).unwrap().node, "new");
    tracker.answered("old", now, primary(wal(2, 9000)));
    let error = tracker.choose(None, now).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no replica has replayed the position, and both `old` and `new` say that they are the primary: make all but one read-only"
    );
}

#[test]
fn a_lost_primary_is_named_in_the_error() {
    let then = Instant::now();
    let mut tracker = three(then);
    let now = then + 10 * SECOND;
    tracker.answered("far", now, replica(wal(1, 400)));
    assert_eq!(
        tracker.choose(Some(&wal(1, 900)), now),
        Err(NoNode::NoPrimary {
            trust: Limits::default().trust,
            last: Some("p".into())
        })
    );
    assert_eq!(tracker.choose(Some(&wal(1, 300)), now).unwrap().node, "far");
}

#[test]
fn a_position_is_everywhere_once_each_node_has_said_so() {
    let now = Instant::now();
    let mut tracker = three(now);
    assert!(tracker.everywhere(&wal(1, 400), now));
    assert!(!tracker.everywhere(&wal(1, 401), now));
    tracker.silent("p", now);
    assert!(!tracker.everywhere(&wal(1, 400), now));
    tracker.remove("p");
    assert!(tracker.everywhere(&wal(1, 400), now));
    assert!(!Tracker::new([""; 0]).everywhere(&wal(1, 1), now));
}
