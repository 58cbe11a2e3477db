//! From what servers say of those that follow them to nodes that can be reached.

use super::named::NamedNode;
use greylag_core::node::{Child, Intake, NodeName, NodePolicy, NodeRole, NodeSighting};
use greylag_engines::Target;
use std::collections::{BTreeMap, BTreeSet};

/// A node that a server serves and that can't be reached from here without being told how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped {
    pub node: NodeName,
    pub why: String,
}

/// The nodes that follow `seen`, reached as `near` is (its user, database and options), by the address map.
pub fn children_of(
    seen: &NodeSighting,
    near: &Target,
    addresses: &BTreeMap<String, String>,
    taken: &mut BTreeSet<String>,
) -> (Vec<NamedNode>, Vec<Unmapped>) {
    let mut nodes = Vec::new();
    let mut unmapped = Vec::new();
    for child in seen.children.iter().filter(|child| !child.logical) {
        let node = NodeName {
            shard: near.shard.clone(),
            node: name_of(child, taken).into(),
        };
        match place_of(child, addresses).and_then(|place| reach(near, &place)) {
            Some(target) => nodes.push(NamedNode {
                node,
                role: NodeRole::Replica,
                policy: NodePolicy::Guard,
                intake: Intake::default(),
                target,
            }),
            None => unmapped.push(Unmapped {
                why: format!(
                    "{} does not say where `{}` listens; write its address under `addresses` of [replicas]",
                    seen.server.address, child.name
                ),
                node,
            }),
        }
    }
    (nodes, unmapped)
}

/// Its own name, or its address where several call themselves the same (PostgreSQL's default is `walreceiver`).
fn name_of(child: &Child, taken: &mut BTreeSet<String>) -> String {
    let plain = match (&*child.name, &child.address) {
        ("walreceiver" | "", Some(address)) => address.clone(),
        (name, _) => name.to_owned(),
    };
    let mut name = plain.clone();
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{plain}-{number}");
        number += 1;
    }
    name
}

fn place_of(child: &Child, addresses: &BTreeMap<String, String>) -> Option<String> {
    let by_name = addresses.get(&child.name);
    let by_address = child.address.as_ref().and_then(|said| {
        let host = said.rsplit_once(':').map_or(&**said, |(host, _)| host);
        addresses.get(said).or_else(|| addresses.get(host))
    });
    by_name.or(by_address).or(child.address.as_ref()).cloned()
}

/// `near` with another host, and another port where one is said.
fn reach(near: &Target, place: &str) -> Option<Target> {
    let mut target = near.clone();
    if place.contains("://") {
        target.url = place.parse().ok()?;
        return Some(target);
    }
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, Some(port.parse::<u16>().ok()?))
        }
        _ => (place, None),
    };
    let host = match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    };
    let rest: Vec<(String, String)> = target
        .url
        .query_pairs()
        .filter(|(key, _)| {
            !matches!(
                &**key,
                "host" | "hostaddr" | "port" | "target_session_attrs"
            )
        })
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    target.url.set_query(None);
    if !rest.is_empty() {
        target.url.query_pairs_mut().extend_pairs(rest);
    }
    target.url.set_host(Some(&host)).ok()?;
    if let Some(port) = port {
        target.url.set_port(Some(port)).ok()?;
    }
    Some(target)
}

#[cfg(test)]
mod tests;
