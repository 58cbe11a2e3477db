//! Proof that a node belongs to its shard, in the role that is declared.

use super::{Case, NodeRole, NodeSighting, SeenRole, subscriber};
use crate::position::Position;
use std::time::Duration;

/// Two looks no further apart are of one time.
const A_MOMENT: Duration = Duration::from_secs(5);

/// Why the node is not what it is declared to be; none where it is.
pub(super) fn disproof(case: &Case<'_>) -> Option<String> {
    let node = case.node;
    let address = &node.server.address;
    match (case.role, node.role) {
        (NodeRole::Replica, SeenRole::Replica) => {}
        (NodeRole::Replica, SeenRole::Primary) if is_rival(case) => {
            return Some(format!(
                "the shard has two primaries: {address} accepts writes, and so does {}",
                case.primary
                    .map_or("its primary", |primary| &primary.server.address),
            ));
        }
        (NodeRole::Replica, SeenRole::Primary) if is_its_primary(case) => {
            return Some(format!(
                "{address} is no replica: it is the shard's primary itself, by another name"
            ));
        }
        (NodeRole::Replica, SeenRole::Primary) => {
            return Some(format!(
                "{address} is no replica: it accepts writes, and gets changes from nobody"
            ));
        }
        (NodeRole::Replica, SeenRole::ReadOnly) => {
            return Some(format!(
                "{address} is no replica: it gets changes from nobody, and is only set read-only"
            ));
        }
        (NodeRole::Subscriber, _) => return subscriber::disproof(case),
        (NodeRole::Primary | NodeRole::Downstream, _) => return None,
    }
    // Nothing to compare it with: neither proven nor refused; its lag is unobservable then.
    let primary = case.primary?;
    if node.server.engine != primary.server.engine {
        return Some(format!(
            "{address} is {}, and the shard is {}",
            node.server.engine.title(),
            primary.server.engine.title()
        ));
    }
    let shards = node.shard.as_ref().zip(primary.shard.as_ref());
    if let Some((there, here)) = shards.filter(|(there, here)| there.uuid != here.uuid) {
        return Some(format!(
            "{address} holds the shard `{}` of `{}`, and this is the shard `{}` of `{}`",
            there.name, there.environment, here.name, here.environment
        ));
    }
    if is_of_same_lineage(case) || is_unseen(case) {
        return None;
    }
    let upstream = node.upstream.as_ref();
    let follows = upstream
        .and_then(|upstream| upstream.identity.as_deref())
        .is_some_and(|identity| {
            let mut known = std::iter::once(&primary.own).chain(case.peers);
            known.any(|own| is_named(own, identity))
        });
    // MariaDB forgets whom it follows until it has reached them once; what it holds has come from somewhere.
    let unsaid = upstream.is_some_and(|upstream| upstream.identity.is_none());
    if follows || (unsaid && shards.is_some()) {
        return None;
    }
    let whom = upstream
        .and_then(|upstream| upstream.address.as_deref().or(upstream.identity.as_deref()))
        .unwrap_or("a server of another lineage");
    Some(format!(
        "{address} is no replica of this shard: it follows {whom}, not {}",
        primary.server.address
    ))
}

/// Whether what tells a node from others is what a replica has of its source.
pub(super) fn is_named(own: &str, identity: &str) -> bool {
    own == identity || own.split_once('@').is_some_and(|(id, _)| id == identity)
}

/// The primary's own name may lead to where a failover has taken it: a name of a service does.
fn is_its_primary(case: &Case<'_>) -> bool {
    (case.primary).is_some_and(|primary| primary.is_one_server(case.node))
}

/// It carries the shard's identity, and the primary, another server, accepted writes when it was looked at a moment ago.
pub(super) fn is_rival(case: &Case<'_>) -> bool {
    if (case.role, case.node.role) != (NodeRole::Replica, SeenRole::Primary) || is_its_primary(case)
    {
        return false;
    }
    let Some(primary) = case.primary else {
        return false;
    };
    let uuid = |seen: &NodeSighting| seen.shard.as_ref().map(|shard| shard.uuid);
    let age = case.node.at.duration_since(primary.at).unsigned_abs();
    primary.role == SeenRole::Primary
        && age < A_MOMENT
        && uuid(case.node).is_some()
        && uuid(case.node) == uuid(primary)
}

/// Whether the account may not see whom the node follows, and nothing else proves it: it is neither believed nor refused then.
pub(super) fn is_unseen(case: &Case<'_>) -> bool {
    let node = case.node;
    node.role == SeenRole::Replica
        && node.upstream.is_none()
        && !node.unobservable.is_empty()
        && !is_of_same_lineage(case)
}

fn is_of_same_lineage(case: &Case<'_>) -> bool {
    let same = |primary: &NodeSighting| primary.server.lineage == case.node.server.lineage;
    case.primary.is_some_and(same) || is_of_same_log(case)
}

/// A system identifier is a cluster's, its replicas' too.
fn is_of_same_log(case: &Case<'_>) -> bool {
    let system = |position: &Option<Position>| match position {
        Some(Position::Wal { system, .. }) => Some(system.clone()),
        _ => None,
    };
    let there = case.primary.and_then(|primary| system(&primary.position));
    there.is_some() && system(&case.node.position) == there
}

#[cfg(test)]
mod tests;
