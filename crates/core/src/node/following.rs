//! Evidence that a node follows another one now: more than that it might be its replica.
//!
//! A server of the same lineage that gets changes from nobody may be an old primary with writes of its own. What counts is that
//! changes come in, and that they are that server's.

use super::{
    Child, NodeSighting, Replay, ReplayState, SeenRole, Upstream,
    judge::{DEAF, find_child},
    lineage::is_named,
};
use crate::position::Position;

/// Whether the node was seen to get changes from that one, which may be a replica itself. What can't be seen is no evidence.
pub fn follows(node: &NodeSighting, upstream: &NodeSighting) -> bool {
    let Some(link) = node.upstream.as_ref().filter(|link| is_live(link)) else {
        return false;
    };
    let stopped = |replay: &Replay| matches!(replay.state, ReplayState::Stopped { .. });
    let shards = node.shard.as_ref().zip(upstream.shard.as_ref());
    let is_of_shard = shards.is_none_or(|(here, there)| here.uuid == there.uuid);
    if node.role != SeenRole::Replica
        || node.server.engine != upstream.server.engine
        || node.replay.as_ref().is_some_and(stopped)
        || !is_of_shard
    {
        return false;
    }
    match (&node.position, &upstream.position) {
        // Servers of one cluster write one log until one of them is promoted: that begins a timeline. Who has got anything of
        // the new one has nothing of its own.
        (
            Some(Position::Wal {
                system, timeline, ..
            }),
            Some(Position::Wal {
                system: there,
                timeline: newest,
                ..
            }),
        ) => system == there && timeline == newest && is_linked(node, link, upstream),
        _ => (link.identity.as_deref()).is_some_and(|identity| is_named(&upstream.own, identity)),
    }
}

fn is_live(link: &Upstream) -> bool {
    link.connected && link.heard.is_none_or(|heard| heard < DEAF)
}

/// One of the two says so: upstream names it among those that it serves, or the node names upstream.
fn is_linked(node: &NodeSighting, link: &Upstream, upstream: &NodeSighting) -> bool {
    let streams = |child: &Child| child.state.is_some();
    if find_child(&upstream.children, node).is_some_and(streams) {
        return true;
    }
    let Some(said) = link.address.as_deref() else {
        return false;
    };
    said == upstream.server.address || place_of(&upstream.server.dialled).as_deref() == Some(said)
}

/// Host and port of a name without secrets; none where it names several or none.
fn place_of(dialled: &str) -> Option<String> {
    let (_, rest) = dialled.split_once("://")?;
    let host = rest.split(['/', '?']).next()?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let is_one = !host.is_empty() && !host.contains(',');
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    // A replica says the number of a newer kind without brackets.
    let host = host.replace(['[', ']'], "");
    is_one.then(|| match has_port {
        true => host,
        false => format!("{host}:5432"),
    })
}

#[cfg(test)]
mod tests;
