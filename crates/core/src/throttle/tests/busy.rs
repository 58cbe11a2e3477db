use super::*;

#[test]
fn a_busy_primary_and_a_busy_host_hold_as_lag_does() {
    let limits = Limits {
        active: Some(10),
        lock_waiters: Some(0),
        active_per_host: Some(15),
        ..Limits::default()
    };
    let mut throttle = throttle(limits);
    throttle.expect(name("q"), NodeRole::Primary, NodePolicy::Guard, "h".into());
    see(&mut throttle, standing(NodeState::Good, 0.0));
    let mut load = |node: &str, active, lock_waiters| {
        let load = Load {
            active: Some(active),
            lock_waiters: Some(lock_waiters),
            mend: None,
        };
        let good = standing(NodeState::Good, 0.0);
        throttle.see(&name(node), good, Some(load), Vec::new());
        match throttle.go(at(0)) {
            Go::Hold(reasons) => reasons
                .iter()
                .map(|reason| match reason {
                    WaitReason::Load { what, .. } => *what,
                    other => panic!("{other:?}"),
                })
                .collect(),
            Go::Yes => Vec::new(),
            Go::NotYet => vec![LoadKind::Active; 9],
        }
    };
    load("p", 8, 0);
    assert_eq!(load("q", 8, 0), [LoadKind::ActiveOnHost]);
    assert_eq!(load("q", 2, 1), [LoadKind::LockWaiters]);
    assert_eq!(load("q", 2, 0), []);
    assert_eq!(load("q", 11, 0), [LoadKind::Active, LoadKind::ActiveOnHost]);
}

#[test]
fn slots_hold_by_lag_and_by_what_they_keep() {
    let limits = Limits {
        slot_lag: Some(100),
        slot_retained: Some(1_000),
        ..Limits::default()
    };
    let mut throttle = throttle(limits);
    see(&mut throttle, standing(NodeState::Good, 0.0));
    let figure = |lag, retained| {
        vec![SlotFigure {
            slot: "cdc".into(),
            lag: SlotLag::Bytes(lag),
            retained,
        }]
    };
    let mut held = |figures| {
        throttle.see(&name("p"), standing(NodeState::Good, 0.0), None, figures);
        match throttle.go(at(0)) {
            Go::Hold(reasons) => reasons
                .iter()
                .filter_map(|reason| match reason {
                    WaitReason::Slot { what, .. } => Some(*what),
                    _ => None,
                })
                .collect::<Vec<_>>(),
            _ => Vec::new(),
        }
    };
    assert_eq!(
        held(figure(101, Some(5_000))),
        [SlotLimit::Lag, SlotLimit::Retained]
    );
    assert_eq!(held(figure(100, None)), []);
}

#[test]
fn a_limit_on_what_cannot_be_seen_holds_with_what_would_let_it_be_seen() {
    let told = |limits: Limits, load: Option<Load>| {
        let mut throttle = throttle(limits);
        see(&mut throttle, standing(NodeState::Good, 0.0));
        let good = standing(NodeState::Good, 0.0);
        throttle.see(&name("p"), good, load, Vec::new());
        match throttle.go(at(0)) {
            Go::Yes => Vec::new(),
            Go::NotYet => panic!("all were looked at"),
            Go::Hold(reasons) => reasons
                .into_iter()
                .map(|reason| match reason {
                    WaitReason::ReplicaUnseen {
                        node, why, mend, ..
                    } => (node, why, mend),
                    other => panic!("{other:?}"),
                })
                .collect(),
        }
    };
    let grant = Some("GRANT pg_monitor TO greylag".to_owned());
    let blind = || Load {
        mend: grant.clone(),
        ..Load::default()
    };
    let none = Limits::default;
    let limits = [
        (
            "max-active",
            Limits {
                active: Some(99),
                ..none()
            },
        ),
        (
            "max-lock-waiters",
            Limits {
                lock_waiters: Some(0),
                ..none()
            },
        ),
        (
            "max-active-per-host",
            Limits {
                active_per_host: Some(99),
                ..none()
            },
        ),
    ];
    for (key, limits) in limits {
        let found = told(limits.clone(), Some(blind()));
        let [(node, why, mend)] = &found[..] else {
            panic!("{key}: {found:?}")
        };
        assert_eq!((node, mend), (&name("p"), &grant));
        assert!(why.contains(&format!("`{key}`")), "{why}");
        assert_eq!(told(limits, None).len(), 1, "{key}: it says nothing at all");
    }
    assert!(told(none(), Some(blind())).is_empty(), "nothing is limited");
    // What is seen counts, whatever else is not.
    let half = Load {
        active: Some(3),
        ..blind()
    };
    let limits = Limits {
        active: Some(3),
        active_per_host: Some(3),
        ..none()
    };
    assert!(told(limits, Some(half)).is_empty());
}

#[test]
fn a_limit_on_slots_holds_where_how_far_a_reader_is_behind_cannot_be_seen() {
    let grant = Some("GRANT EXECUTE ON FUNCTION pg_control_system() TO greylag".to_owned());
    let told = |limits: Limits, lag: SlotLag| {
        let mut throttle = throttle(limits);
        see(&mut throttle, standing(NodeState::Good, 0.0));
        let figure = SlotFigure {
            slot: "cdc".into(),
            lag,
            retained: None,
        };
        let good = standing(NodeState::Good, 0.0);
        throttle.see(&name("p"), good, None, vec![figure]);
        throttle.go(at(0))
    };
    let limited = || Limits {
        slot_lag: Some(100),
        ..Limits::default()
    };
    let unseen = || SlotLag::Unseen {
        mend: grant.clone(),
    };
    let Go::Hold(reasons) = told(limited(), unseen()) else {
        panic!("it goes")
    };
    assert!(
        matches!(&reasons[..], [WaitReason::ReplicaUnseen { why, mend, .. }] if why.contains("`cdc`") && *mend == grant),
        "{reasons:?}"
    );
    assert_eq!(told(limited(), SlotLag::Unminded), Go::Yes);
    assert_eq!(told(Limits::default(), unseen()), Go::Yes);
}

#[test]
fn a_host_of_which_all_shards_were_left_out_holds_nothing_however_busy_it_is() {
    let mut throttle = Throttle::new(Limits {
        active_per_host: Some(3),
        ..Limits::default()
    });
    let node = |shard: &str| NodeName {
        shard: shard.parse().unwrap(),
        node: "p".into(),
    };
    for shard in ["s1", "s2"] {
        throttle.expect(
            node(shard),
            NodeRole::Primary,
            NodePolicy::Guard,
            "h".into(),
        );
        let load = Load {
            active: Some(4),
            ..Load::default()
        };
        let good = standing(NodeState::Good, 0.0);
        throttle.see(&node(shard), good, Some(load), Vec::new());
    }
    throttle.excuse("s1".parse().unwrap());
    let Go::Hold(reasons) = throttle.go(at(0)) else {
        panic!("something may start there still");
    };
    // What is at work there is at work, whoever was left out.
    assert!(
        matches!(&reasons[..], [WaitReason::Load { figure: 8, .. }]),
        "{reasons:?}"
    );
    throttle.excuse("s2".parse().unwrap());
    assert_eq!(throttle.go(at(0)), Go::Yes);
}
