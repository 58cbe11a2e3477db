//! What two looks, at a primary and at a node, say of the node: its lag without the known lies, and whose doing it is.

use super::{
    Age, Blame, Child, Finding, Lag, NodeRole, NodeSighting, NodeState, ReplayState, SeenRole,
    Severity, Standing, Trail, finding::findings_of, lineage::disproof, lineage::is_rival,
    lineage::is_unseen, standing::RIVAL, subscriber,
};
use crate::position::{Distance, Position};
use std::time::Duration;

/// A node so many times further behind than the limit, and gaining, is catching up rather than lagging.
const FAR: u32 = 4;

/// A replica that has heard nothing for so long, no sign of life either, is cut off, whatever its server believes.
pub(super) const DEAF: Duration = Duration::from_secs(60);

/// All that a judgement stands on.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// As the project declares it, or the primary says.
    pub role: NodeRole,
    pub node: &'a NodeSighting,
    /// The newest look at the shard's primary; none where it could not be looked at.
    pub primary: Option<&'a NodeSighting>,
    /// Where the primary was when.
    pub trail: &'a Trail,
    /// The look at this node before, and how far behind it was then.
    pub before: Option<(&'a NodeSighting, Option<Distance>)>,
    /// What tells the shard's proven nodes apart (`NodeSighting::own`): a cascading replica follows one of these.
    pub peers: &'a [String],
    pub max_lag: Duration,
}

/// Judges one look at a node.
pub fn judge(case: &Case<'_>) -> Standing {
    let findings = findings_of(case);
    if case.role == NodeRole::Primary {
        return stand_primary(case, findings);
    }
    if let Some(why) = disproof(case) {
        return match is_rival(case) {
            true => refuse(
                RIVAL,
                why,
                "find out which of the two has what was written last, and stop the other one",
                findings,
            ),
            false => refuse(
                "refused",
                why,
                "correct its URL, or take it out of `replicas`",
                findings,
            ),
        };
    }
    match case.role {
        NodeRole::Subscriber => subscriber::stand(case, findings),
        _ => stand_replica(case, findings),
    }
}

fn stand_primary(case: &Case<'_>, mut findings: Vec<Finding>) -> Standing {
    let state = match case.node.role {
        SeenRole::Primary => NodeState::Good,
        SeenRole::ReadOnly | SeenRole::Replica => {
            findings.push(Finding {
                severity: Severity::Problem,
                kind: "not-primary".into(),
                text: format!("{} does not accept writes", case.node.server.address),
                mend: Some("set `primary` to the server that does".into()),
            });
            NodeState::Refused
        }
    };
    Standing {
        state,
        lag: Lag::default(),
        blame: None,
        findings,
    }
}

fn refuse(kind: &str, why: String, mend: &str, mut findings: Vec<Finding>) -> Standing {
    findings.insert(
        0,
        Finding {
            severity: Severity::Problem,
            kind: kind.into(),
            text: why,
            mend: Some(mend.into()),
        },
    );
    Standing {
        state: NodeState::Refused,
        lag: Lag::default(),
        blame: None,
        findings,
    }
}

fn stand_replica(case: &Case<'_>, findings: Vec<Finding>) -> Standing {
    let Some(position) = case.node.position.as_ref().filter(|_| !is_unseen(case)) else {
        return stand_blind(case, findings);
    };
    let child = case
        .primary
        .and_then(|primary| find_child(&primary.children, case.node));
    let distance = case
        .primary
        .and_then(|primary| primary.position.as_ref())
        .and_then(|there| position.behind(there));
    let lag = Lag::new(distance, time_behind(case, position, distance, child));
    let (stalled, blame) = blame_of(case, position, distance, child);
    let delay = case.node.replay.as_ref().and_then(|replay| replay.delay);
    let beyond_delay = lag
        .time
        .map(|time| time.saturating_sub(delay.unwrap_or_default()));
    let over = beyond_delay.is_some_and(|time| time > case.max_lag);
    let behind = distance.is_none_or(|distance| !distance.is_zero());
    // With nothing to replay a replica that is paused stands all the same: what comes next will wait.
    let waits = !matches!(blame, Some(Blame::Blocked { .. }));
    let state = if stalled && (behind || waits) {
        NodeState::Stalled
    } else if lag.is_unknown() || case.primary.is_none() {
        // Level with its own source it may be level with a stranger's.
        return stand_blind(case, findings);
    } else if is_catching_up(case, lag, child) {
        NodeState::CatchingUp
    } else if over {
        NodeState::Lagging
    } else {
        NodeState::Good
    };
    let blame = blame.filter(|_| behind || state == NodeState::Stalled);
    Standing {
        state,
        lag,
        blame,
        findings,
    }
}

/// Reached, and what matters can't be seen.
fn stand_blind(case: &Case<'_>, findings: Vec<Finding>) -> Standing {
    let missing = case.node.unobservable.first().or_else(|| {
        case.primary
            .and_then(|primary| primary.unobservable.first())
    });
    let (what, mend) = match missing {
        Some(missing) => (missing.what.clone(), Some(missing.mend.clone())),
        None if case.primary.is_none() => (
            "its lag, while the primary can't be looked at".to_owned(),
            None,
        ),
        None => (
            elsewhere(case).unwrap_or_else(|| "where it stands in replication".to_owned()),
            None,
        ),
    };
    Standing {
        state: NodeState::Unobservable,
        lag: Lag::default(),
        blame: Some(Blame::Unobservable { what, mend }),
        findings,
    }
}

/// What keeps the places of the two from being compared, where that is the timeline: after a failover, a standby that has not
/// gone over to the heir.
fn elsewhere(case: &Case<'_>) -> Option<String> {
    let there = case.primary?.position.as_ref()?;
    match (case.node.position.as_ref()?, there) {
        (
            Position::Wal {
                system, timeline, ..
            },
            Position::Wal {
                system: of,
                timeline: on,
                ..
            },
        ) if (system, timeline) != (of, on) => Some(format!(
            "how far behind it is (it is on timeline {timeline}, and its primary on {on})"
        )),
        _ => None,
    }
}

/// The largest of what is known: our own trail, the primary's measure, the replica's. None of them overstates, and each is
/// blind where another sees: the trail to what was before we looked, the primary to cascades and to what was before its
/// connection, the replica to what it has not received. So none of them is the whole before the trail is.
fn time_behind(
    case: &Case<'_>,
    position: &Position,
    distance: Option<Distance>,
    child: Option<&Child>,
) -> Option<Age> {
    if distance.is_some_and(Distance::is_zero) {
        // An idle primary: whatever clocks say, nothing is missing.
        return Some(Age::NONE);
    }
    let by_trail = case.trail.lag(position, case.node.at);
    let by_primary = child.and_then(|child| child.lag);
    let replay = case.node.replay.as_ref();
    let by_node = replay
        .and_then(|replay| replay.lag)
        // Level with another server than the primary is level with nothing.
        .filter(|_| elsewhere(case).is_none());
    Some(Age {
        time: by_trail.map(|age| age.time).max(by_primary).max(by_node)?,
        at_least: by_trail.is_some_and(|age| age.at_least),
    })
}

/// Whether it stands still, and whose doing its lag is.
fn blame_of(
    case: &Case<'_>,
    position: &Position,
    distance: Option<Distance>,
    child: Option<&Child>,
) -> (bool, Option<Blame>) {
    let replay = case.node.replay.as_ref();
    match replay.map(|replay| &replay.state) {
        Some(ReplayState::Stopped { error }) => {
            let error = error.clone();
            return (true, Some(Blame::Stopped { error }));
        }
        Some(ReplayState::Paused) => return (true, Some(Blame::Paused)),
        Some(ReplayState::Blocked { by }) => {
            return (true, Some(Blame::Blocked { by: by.clone() }));
        }
        Some(ReplayState::Running | ReplayState::Unknown) | None => {}
    }
    let upstream = case.node.upstream.as_ref();
    let hears = |upstream: &super::Upstream| {
        upstream.connected && upstream.heard.is_none_or(|heard| heard < DEAF)
    };
    let cut_off = match upstream {
        Some(upstream) => !hears(upstream),
        // Not seen is not cut off, where it may not be seen: the places still tell how far behind it is.
        None => case.node.unobservable.is_empty(),
    };
    if cut_off {
        let error = upstream.and_then(|upstream| upstream.error.clone());
        return (true, Some(Blame::Disconnected { error }));
    }
    if let Some(by) = replay
        .and_then(|replay| replay.delay)
        .filter(|by| !by.is_zero())
    {
        return (false, Some(Blame::Delayed { by }));
    }
    if distance.is_some_and(Distance::is_zero) {
        return (false, None);
    }
    (false, gap_of(case, position, child))
}

/// Where most of what is missing lies: on the way, on its way to the disk, or waiting to be replayed.
fn gap_of(case: &Case<'_>, position: &Position, child: Option<&Child>) -> Option<Blame> {
    let there = case.primary.and_then(|primary| primary.position.as_ref());
    let received = case
        .node
        .received
        .as_ref()
        .or_else(|| child.and_then(|child| child.flushed.as_ref()));
    let figure = |from: Option<&Position>, to: Option<&Position>| {
        from.zip(to)
            .and_then(|(from, to)| from.behind(to))
            .map(|distance| match distance {
                Distance::Bytes(figure) | Distance::Transactions(figure) => figure,
            })
    };
    let apply = figure(Some(position), received);
    let (sent, flushed) = child.map_or((None, None), |child| {
        (child.sent.as_ref(), child.flushed.as_ref())
    });
    let disk = figure(flushed, sent);
    let network = match sent {
        Some(sent) => figure(Some(sent), there),
        None => figure(received, there),
    };
    let most = [
        (apply, Blame::Apply),
        (disk, Blame::ReplicaDisk),
        (network, Blame::Network),
    ]
    .into_iter()
    .filter(|(figure, _)| figure.is_some_and(|figure| figure > 0))
    .max_by_key(|(figure, _)| *figure);
    most.map(|(_, blame)| blame).or_else(|| {
        let what = "where what is missing is held up".to_owned();
        (received.is_none()).then_some(Blame::Unobservable { what, mend: None })
    })
}

/// Restored or just started: the server says so, or it is very far behind and gaining.
fn is_catching_up(case: &Case<'_>, lag: Lag, child: Option<&Child>) -> bool {
    let says_so = child
        .and_then(|child| child.state.as_deref())
        .is_some_and(|state| matches!(state, "catchup" | "backup"));
    let over = lag.time.is_some_and(|time| time > case.max_lag);
    let far = lag.time.is_some_and(|time| time > case.max_lag * FAR);
    let figure = |distance: Distance| match distance {
        Distance::Bytes(figure) | Distance::Transactions(figure) => figure,
    };
    let gains = match (lag.distance, case.before) {
        (Some(now), Some((_, Some(then)))) => figure(now) < figure(then),
        _ => false,
    };
    over && says_so || far && gains
}

/// The node among those that the primary serves: by address where the server says it, else the only one.
pub(super) fn find_child<'a>(children: &'a [Child], node: &NodeSighting) -> Option<&'a Child> {
    let physical = || children.iter().filter(|child| !child.logical);
    let address = &node.server.address;
    let host = address
        .rsplit_once(':')
        .map_or(&**address, |(host, _)| host);
    let known_as = node
        .upstream
        .as_ref()
        .and_then(|upstream| upstream.known_as.as_deref());
    let mut named = physical().filter(|child| Some(&*child.name) == known_as);
    if let (Some(only), None) = (named.next(), named.next()) {
        return Some(only);
    }
    let same = |child: &&Child| {
        child.name == node.own
            || (child.address.as_deref()).is_some_and(|said| said == address || said == host)
    };
    let mut found = physical().filter(same);
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only),
        // Several on one host: nobody can tell which is meant.
        (Some(_), Some(_)) => None,
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests;
