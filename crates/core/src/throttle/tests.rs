mod busy;

use super::*;
use crate::{
    gate::{LoadKind, SlotLimit, WaitReason},
    node::{
        Blame, Finding, Lag, Load, NodeName, NodePolicy, NodeRole, NodeState, Severity, Standing,
    },
};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn name(node: &str) -> NodeName {
    NodeName {
        shard: "s1".parse().unwrap(),
        node: node.into(),
    }
}

fn standing(state: NodeState, seconds: f64) -> Standing {
    Standing {
        state,
        lag: Lag {
            distance: None,
            time: Some(Duration::from_secs_f64(seconds)),
            at_least: false,
        },
        blame: None,
        findings: Vec::new(),
    }
}

/// One guarded replica, and a primary, within `limits`.
fn throttle(limits: Limits) -> Throttle {
    let mut throttle = Throttle::new(limits);
    throttle.expect(name("a"), NodeRole::Replica, NodePolicy::Guard, "h".into());
    throttle.expect(name("p"), NodeRole::Primary, NodePolicy::Guard, "h".into());
    throttle.see(&name("p"), standing(NodeState::Good, 0.0), None, Vec::new());
    throttle
}

fn see(throttle: &mut Throttle, standing: Standing) -> Go {
    throttle.see(&name("a"), standing, None, Vec::new());
    throttle.go(at(0))
}

fn holds(go: &Go) -> bool {
    matches!(go, Go::Hold(_))
}

#[test]
fn nothing_goes_before_every_guarded_node_has_been_looked_at() {
    let throttle = throttle(Limits::default());
    assert_eq!(throttle.go(at(0)), Go::NotYet);
}

#[test]
fn it_holds_above_the_upper_limit_and_goes_below_the_lower_one() {
    let mut throttle = throttle(Limits::default());
    let mut heard = Vec::new();
    for seconds in [0.0, 4.9, 5.1, 4.0, 2.1, 2.0, 4.0] {
        heard.push(holds(&see(
            &mut throttle,
            standing(NodeState::Good, seconds),
        )));
    }
    assert_eq!(heard, [false, false, true, true, true, false, false]);
}

#[test]
fn the_reason_has_the_figure_the_limit_and_the_blame() {
    let mut throttle = throttle(Limits::default());
    let mut lagging = standing(NodeState::Stalled, 7.2);
    lagging.blame = Some(Blame::Paused);
    let Go::Hold(reasons) = see(&mut throttle, lagging) else {
        panic!("it goes")
    };
    assert_eq!(
        reasons,
        [WaitReason::ReplicaLag {
            node: name("a"),
            lag_ms: Some(7_200),
            at_least: false,
            distance: None,
            limit_ms: 5_000,
            blame: Some(Blame::Paused),
        }]
    );
}

#[test]
fn two_missed_looks_are_borne_and_the_third_holds_until_it_is_seen_again() {
    let mut throttle = throttle(Limits::default());
    see(&mut throttle, standing(NodeState::Good, 0.0));
    for (miss, expected) in [(1, false), (2, false), (3, true), (4, true)] {
        throttle.miss(&name("a"), "refused".into(), at(miss));
        assert_eq!(holds(&throttle.go(at(miss))), expected, "{miss}");
    }
    let Go::Hold(reasons) = throttle.go(at(9)) else {
        panic!("it goes")
    };
    assert!(
        matches!(&reasons[..], [WaitReason::ReplicaUnseen { since: Some(since), .. }] if *since == at(1)),
        "{reasons:?}"
    );
    assert_eq!(see(&mut throttle, standing(NodeState::Good, 0.0)), Go::Yes);
}

#[test]
fn what_is_refused_or_cannot_be_seen_holds() {
    for state in [NodeState::Refused, NodeState::Unobservable] {
        let mut throttle = throttle(Limits::default());
        let mut blind = standing(state, 0.0);
        blind.lag.time = None;
        assert!(holds(&see(&mut throttle, blind)), "{state:?}");
    }
}

#[test]
fn a_node_that_catches_up_is_left_out_only_where_the_policy_says_so() {
    let far = || standing(NodeState::CatchingUp, 90_000.0);
    assert!(holds(&see(&mut throttle(Limits::default()), far())));
    let mut lenient = throttle(Limits {
        catching_up: CatchingUp::Exclude,
        ..Limits::default()
    });
    assert_eq!(see(&mut lenient, far()), Go::Yes);
    assert!(
        holds(&see(&mut lenient, standing(NodeState::Lagging, 90_000.0))),
        "it stopped gaining"
    );
}

#[test]
fn observed_nodes_never_hold_and_ignored_ones_do_again_when_their_time_is_up() {
    let mut throttle = Throttle::new(Limits::default());
    let policy = |until| NodePolicy::Ignore {
        until,
        reason: "rebuilt".into(),
    };
    throttle.expect(
        name("a"),
        NodeRole::Replica,
        policy(Some(at(50))),
        "h".into(),
    );
    throttle.expect(
        name("b"),
        NodeRole::Replica,
        NodePolicy::Observe,
        "h".into(),
    );
    for node in ["a", "b"] {
        throttle.see(
            &name(node),
            standing(NodeState::Lagging, 60.0),
            None,
            Vec::new(),
        );
    }
    assert_eq!(throttle.go(at(49)), Go::Yes);
    let Go::Hold(reasons) = throttle.go(at(50)) else {
        panic!("it goes")
    };
    assert_eq!(reasons.len(), 1, "{reasons:?}");
}

#[test]
fn a_problem_on_a_guarded_node_holds_and_a_warning_does_not() {
    let mut throttle = throttle(Limits::default());
    let mut with = |severity| {
        let mut found = standing(NodeState::Good, 0.0);
        found.findings.push(Finding {
            severity,
            kind: "apply-error".into(),
            text: "it failed".into(),
            mend: None,
        });
        holds(&see(&mut throttle, found))
    };
    assert!(with(Severity::Problem));
    assert!(!with(Severity::Warning));
}

#[test]
fn lag_on_purpose_is_borne_and_what_goes_beyond_it_is_not() {
    let mut throttle = throttle(Limits::default());
    let mut delayed = |seconds| {
        let mut found = standing(NodeState::Good, seconds);
        found.blame = Some(Blame::Delayed {
            by: Duration::from_secs(60),
        });
        holds(&see(&mut throttle, found))
    };
    assert!(!delayed(62.0));
    assert!(delayed(66.0));
}

#[test]
fn a_node_that_is_only_observed_holds_while_it_accepts_writes_beside_its_primary() {
    let mut throttle = throttle(Limits::default());
    see(&mut throttle, standing(NodeState::Good, 0.0));
    let found = |kind: &str| Standing {
        findings: vec![Finding {
            severity: Severity::Problem,
            kind: kind.into(),
            text: "b accepts writes".into(),
            mend: None,
        }],
        ..standing(NodeState::Refused, 0.0)
    };
    let node = name("b");
    let policy = NodePolicy::Observe;
    throttle.expect(node.clone(), NodeRole::Replica, policy, "h".into());
    throttle.see(&node, found("refused"), None, Vec::new());
    assert_eq!(throttle.go(at(0)), Go::Yes);
    throttle.see(&node, found("two-primaries"), None, Vec::new());
    assert!(holds(&throttle.go(at(0))));
    // Stopped, it is none any more.
    for _ in 0..Limits::default().missed.max(1) {
        throttle.miss(&node, "connection refused".into(), at(1));
    }
    assert_eq!(throttle.go(at(1)), Go::Yes);
    throttle.see(&node, found("two-primaries"), None, Vec::new());
    let ignored = NodePolicy::Ignore {
        until: None,
        reason: "becomes a copy".into(),
    };
    throttle.expect(node, NodeRole::Replica, ignored, "h".into());
    assert_eq!(throttle.go(at(1)), Go::Yes);
}

/// Behind by at least so much, and nobody knows by how much more.
fn bound(state: NodeState, seconds: f64, blame: Option<Blame>) -> Standing {
    let mut bound = standing(state, seconds);
    bound.lag.at_least = true;
    bound.blame = blame;
    bound
}

#[test]
fn a_node_that_may_be_further_behind_than_is_known_lets_nothing_start_until_it_has_come_to_the_first_mark()
 {
    let mut throttle = throttle(Limits::default());
    let behind = |seconds| bound(NodeState::Good, seconds, Some(Blame::Apply));
    assert_eq!(see(&mut throttle, behind(0.0)), Go::NotYet);
    assert_eq!(see(&mut throttle, behind(1.9)), Go::NotYet);
    // Nothing waits in silence.
    let Go::Hold(reasons) = see(&mut throttle, behind(3.0)) else {
        panic!("it says nothing")
    };
    assert!(
        matches!(
            &reasons[..],
            [WaitReason::ReplicaLag {
                lag_ms: Some(3_000),
                at_least: true,
                blame: Some(Blame::Apply),
                ..
            }]
        ),
        "{reasons:?}"
    );
    assert_eq!(
        see(&mut throttle, standing(NodeState::Good, 3.0)),
        Go::Yes,
        "that is known, and within the limit"
    );
    assert!(holds(&see(&mut throttle, behind(5.1))));
    assert!(
        holds(&see(&mut throttle, behind(0.1))),
        "a bound is no proof that it has come down"
    );
    assert_eq!(see(&mut throttle, standing(NodeState::Good, 0.1)), Go::Yes);
}

#[test]
fn a_node_that_stands_short_of_the_first_mark_holds_at_once() {
    let mut throttle = throttle(Limits::default());
    let stalled = |blame| bound(NodeState::Stalled, 0.0, Some(blame));
    for blame in [
        Blame::Paused,
        Blame::Stopped { error: None },
        Blame::Disconnected { error: None },
    ] {
        assert!(
            holds(&see(&mut throttle, stalled(blame.clone()))),
            "{blame:?}"
        );
    }
    // A query there may end in a moment.
    let blocked = Blame::Blocked { by: Vec::new() };
    assert_eq!(see(&mut throttle, stalled(blocked)), Go::NotYet);
}

#[test]
fn a_node_that_is_held_back_on_purpose_need_not_come_to_the_first_mark() {
    let mut throttle = throttle(Limits::default());
    let by = Duration::from_secs(3600);
    let mut delayed = |seconds| {
        let delayed = bound(NodeState::Good, seconds, Some(Blame::Delayed { by }));
        see(&mut throttle, delayed)
    };
    assert_eq!(delayed(10.0), Go::Yes);
    assert!(holds(&delayed(3606.0)));
    assert_eq!(delayed(3601.0), Go::Yes);
}

#[test]
fn a_node_that_is_left_out_while_it_catches_up_is_left_out_whatever_is_known_of_its_lag() {
    let mut lenient = throttle(Limits {
        catching_up: CatchingUp::Exclude,
        ..Limits::default()
    });
    let far = bound(NodeState::CatchingUp, 60.0, None);
    assert_eq!(see(&mut lenient, far), Go::Yes);
}

#[test]
fn a_node_that_stands_nobody_knows_how_far_behind_holds_with_whose_doing_it_is() {
    let mut throttle = throttle(Limits::default());
    let blame = Blame::Disconnected {
        error: Some("connection refused".into()),
    };
    let mut lost = standing(NodeState::Stalled, 0.0);
    lost.lag.time = None;
    lost.blame = Some(blame.clone());
    let Go::Hold(reasons) = see(&mut throttle, lost) else {
        panic!("it goes")
    };
    assert_eq!(
        reasons,
        [WaitReason::ReplicaLag {
            node: name("a"),
            lag_ms: None,
            at_least: false,
            distance: None,
            limit_ms: 5_000,
            blame: Some(blame),
        }]
    );
}

#[test]
fn a_shard_that_was_left_out_holds_nothing_however_its_nodes_stand() {
    let mut throttle = throttle(Limits::default());
    assert!(holds(&see(
        &mut throttle,
        standing(NodeState::Stalled, 60.0)
    )));
    throttle.lack("s1".parse().unwrap(), Some("it has none".into()));
    throttle.excuse("s1".parse().unwrap());
    assert_eq!(throttle.go(at(0)), Go::Yes);
    let seen = throttle.standing(&name("a")).map(|seen| seen.state);
    assert_eq!(seen, Some(NodeState::Stalled), "it is looked at as before");
    // Another shard's is minded as before.
    let other = NodeName {
        shard: "s2".parse().unwrap(),
        node: "a".into(),
    };
    throttle.expect(
        other.clone(),
        NodeRole::Replica,
        NodePolicy::Guard,
        "h".into(),
    );
    assert_eq!(throttle.go(at(0)), Go::NotYet);
    throttle.see(&other, standing(NodeState::Stalled, 60.0), None, Vec::new());
    assert!(holds(&throttle.go(at(0))));
}
