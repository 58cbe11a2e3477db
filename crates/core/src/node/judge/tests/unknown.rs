//! What nobody can know is not taken for little.

use super::*;

#[test]
fn what_was_missing_before_the_first_look_is_behind_by_an_amount_that_nobody_knows() {
    let first = trail(&[(100, 1000)]);
    let mut far = replica(200);
    far.received = wal(1000);
    let standing = judged(Some(&primary(1000)), &far, &first);
    assert_eq!(standing.lag.distance, Some(Distance::Bytes(800)));
    assert_eq!(
        (standing.lag.time, standing.lag.at_least),
        (Some(Duration::ZERO), true)
    );
    // What the server measured is a bound, too: its connection may be younger than the backlog.
    far.replay.as_mut().unwrap().lag = Some(Duration::from_secs(3));
    let standing = judged(Some(&primary(1000)), &far, &first);
    assert_eq!(
        (standing.lag.time, standing.lag.at_least),
        (Some(Duration::from_secs(3)), true)
    );
    // It has come to where the primary was.
    let then = trail(&[(96, 1000), (99, 1200)]);
    let standing = judged(Some(&primary(1200)), &replica(1000), &then);
    assert_eq!(
        (standing.lag.time, standing.lag.at_least),
        (Some(Duration::from_secs(1)), false)
    );
    let level = judged(Some(&primary(1000)), &replica(1000), &first);
    assert!(!level.lag.at_least);
}

#[test]
fn a_standby_that_stayed_on_the_old_timeline_is_level_with_nothing_that_counts() {
    let mut heir = primary(600);
    heir.position = Some(Position::Wal {
        system: "7".into(),
        timeline: 2,
        lsn: 600,
    });
    let mut trail = Trail::default();
    trail.note(at(90), heir.position.as_ref().unwrap());
    let mut left = replica(500);
    left.upstream.as_mut().unwrap().connected = false;
    let standing = judged(Some(&heir), &left, &trail);
    assert_eq!(standing.state, NodeState::Stalled);
    assert_eq!(standing.lag, Lag::default());
    assert_eq!(standing.blame, Some(Blame::Disconnected { error: None }));
    // It follows the old primary still, and has all that this one has.
    let mut old = replica(500);
    old.replay.as_mut().unwrap().lag = Some(Duration::ZERO);
    let standing = judged(Some(&heir), &old, &trail);
    assert_eq!(standing.state, NodeState::Unobservable);
    assert!(
        matches!(&standing.blame, Some(Blame::Unobservable { what, .. }) if what.contains("timeline 1")),
        "{standing:?}"
    );
}

#[test]
fn a_subscriber_of_a_publisher_whose_place_cannot_be_seen_is_not_taken_for_good() {
    let mut publisher = primary(500);
    publisher.position = None;
    publisher.slots = vec![Slot {
        name: "mirror".into(),
        logical: true,
        confirmed: wal(400),
        ..Slot::default()
    }];
    let mut mirror = node("10.0.0.3:5432", SeenRole::Primary, 10);
    mirror.subscriptions = vec![Subscription {
        name: "mirror".into(),
        enabled: true,
        running: true,
        received: wal(400),
        slot: Some("mirror".into()),
        ..Subscription::default()
    }];
    let stood = |node: &NodeSighting| {
        judge(&Case {
            role: NodeRole::Subscriber,
            node,
            primary: Some(&publisher),
            trail: &Trail::default(),
            before: None,
            peers: &[],
            max_lag: Duration::from_secs(5),
        })
    };
    assert_eq!(stood(&mirror).state, NodeState::Unobservable);
    // Disabled and without a slot, it stands, and nobody knows since when.
    mirror.subscriptions[0].enabled = false;
    mirror.subscriptions[0].slot = None;
    let standing = stood(&mirror);
    assert_eq!(standing.state, NodeState::Stalled);
    assert_eq!(standing.lag, Lag::default());
    assert_eq!(standing.blame, Some(Blame::Paused));
}

/// Level with where it gets changes from, which may be a stranger.
#[test]
fn a_standby_whose_primary_can_not_be_looked_at_is_not_called_good() {
    let mut level = replica(500);
    level.replay.as_mut().unwrap().lag = Some(Duration::ZERO);
    let standing = judged(None, &level, &Trail::default());
    assert_eq!(standing.state, NodeState::Unobservable);
    level.upstream.as_mut().unwrap().connected = false;
    let standing = judged(None, &level, &Trail::default());
    assert_eq!(
        standing.state,
        NodeState::Stalled,
        "that much it says itself"
    );
}
