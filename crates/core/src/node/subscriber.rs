//! A logical subscriber: how far it has applied what its publisher wrote, in the publisher's own terms.

use super::{Blame, Case, Finding, Lag, NodeSighting, NodeState, Standing};
use crate::position::Position;

/// How far the subscriber has confirmed what the publisher wrote: of several subscriptions the one that is furthest behind.
/// None where the publisher keeps no slot for it, or has not been told a place yet.
pub fn confirmed<'a>(
    subscriber: &NodeSighting,
    publisher: &'a NodeSighting,
) -> Option<&'a Position> {
    let slots = subscriber.subscriptions.iter().filter_map(|subscription| {
        let name = subscription.slot.as_ref()?;
        publisher.slots.iter().find(|slot| slot.name == *name)
    });
    let places: Option<Vec<&Position>> = slots.map(|slot| slot.confirmed.as_ref()).collect();
    places?.into_iter().min_by_key(|position| match position {
        Position::Wal { lsn, .. } => *lsn,
        _ => 0,
    })
}

/// What makes a subscription know of the tables that were published after it was made, or last refreshed. Its owner runs it.
pub fn refresh(subscription: &str) -> String {
    let name = quoted(subscription);
    format!("ALTER SUBSCRIPTION {name} REFRESH PUBLICATION;")
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Why a server that subscribes to something is no subscriber of this publisher.
pub(super) fn disproof(case: &Case<'_>) -> Option<String> {
    let address = &case.node.server.address;
    if case.node.subscriptions.is_empty() {
        return Some(format!(
            "{address} is no subscriber: it has no subscription"
        ));
    }
    let primary = case.primary?;
    let mut slots = case.node.subscriptions.iter().map(|found| &found.slot);
    let kept = |slot: &Option<String>| match slot {
        Some(name) => primary.slots.iter().any(|found| found.name == *name),
        // A subscription without a slot says nothing of where it comes from.
        None => true,
    };
    (!slots.any(kept)).then(|| {
        format!(
            "{address} is no subscriber of this shard: {} keeps no slot for any of its subscriptions",
            primary.server.address
        )
    })
}

pub(super) fn stand(case: &Case<'_>, findings: Vec<Finding>) -> Standing {
    let received = case
        .primary
        .and_then(|primary| confirmed(case.node, primary));
    let there = case.primary.and_then(|primary| primary.position.as_ref());
    let distance = received
        .zip(there)
        .and_then(|(received, there)| received.behind(there));
    let age = received.and_then(|received| case.trail.lag(received, case.node.at));
    let lag = Lag::new(distance, age);
    // A worker that fails comes back, and has received nothing yet when it fails again.
    let stopped = case.node.subscriptions.iter().find(|subscription| {
        !subscription.enabled || !subscription.running || subscription.received.is_none()
    });
    let (state, blame) = match stopped {
        Some(subscription) if !subscription.enabled => (NodeState::Stalled, Some(Blame::Paused)),
        Some(subscription) => (
            NodeState::Stalled,
            Some(Blame::Stopped {
                error: Some(format!(
                    "no worker applies the subscription `{}`",
                    subscription.name
                )),
            }),
        ),
        None if lag.is_unknown() => {
            let what = match case.primary {
                Some(_) => "how far it has applied what its publisher wrote",
                None => "its lag, while the primary can't be looked at",
            };
            let blame = Blame::Unobservable {
                what: what.into(),
                mend: None,
            };
            (NodeState::Unobservable, Some(blame))
        }
        None if lag.time.is_some_and(|time| time > case.max_lag) => {
            (NodeState::Lagging, Some(Blame::Apply))
        }
        None => (NodeState::Good, None),
    };
    Standing {
        state,
        lag,
        blame,
        findings,
    }
}
