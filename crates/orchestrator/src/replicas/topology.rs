//! From what servers say of those that follow them to nodes that can be reached.

use greylag_core::node::Child;
use greylag_engines::{
    Target,
    hosts::{self, Place},
};
use std::collections::{BTreeMap, BTreeSet};

/// How a child is reached: as `near` is (its user, database and options), at where the address map or its server says that it is. None
/// where nobody says.
pub fn way_to(
    child: &Child,
    near: &Target,
    addresses: &BTreeMap<String, String>,
) -> Option<Target> {
    place_of(child, addresses).and_then(|place| reach(near, &place))
}

/// Where a node is reached. Where there are several nodes, no two of them are at one place.
pub fn place(target: &Target) -> Option<Place> {
    match &hosts::places(&target.url)[..] {
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// Its own name, or its address where that name tells nobody apart.
pub fn plain_name(child: &Child) -> String {
    match &child.address {
        Some(address) if is_usual(&child.name) => address.clone(),
        _ => child.name.clone(),
    }
}

/// Names that standbys have unless they are given others: PostgreSQL's, and `15/main`, a cluster's name as Debian writes it.
pub fn is_usual(name: &str) -> bool {
    let is_version = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    matches!(name, "" | "walreceiver")
        || name
            .split_once('/')
            .is_some_and(|(version, _)| is_version(version))
}

/// Whether a person said that it only reads the log: by its name, or by where it comes from.
pub fn is_reader(child: &Child, readers: &BTreeSet<String>) -> bool {
    let address = child.address.as_deref();
    let host = address.map(|said| said.rsplit_once(':').map_or(said, |(host, _)| host));
    let names = [Some(&*child.name), address, host];
    (names.into_iter().flatten()).any(|name| readers.contains(name))
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
    // A URL may say its port among its options.
    let port = port.or_else(|| self::place(near)?.port?.parse().ok());
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
