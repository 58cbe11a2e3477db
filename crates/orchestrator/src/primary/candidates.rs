//! The servers among which a shard's primary is looked for: those that the project names, and those that were proven nodes.

use crate::replicas::{Named, Replication};
use greylag_core::{
    identity::{Known, Node},
    node::NodeRole,
};
use greylag_engines::{
    Target,
    hosts::{self, Place},
};
use std::collections::BTreeSet;

/// Each server once, the one that is dialled first. A single one means that there is nowhere else to look.
pub fn candidates(
    named: &Target,
    seat: Option<&Target>,
    replication: &Replication,
    known: Option<&Known>,
) -> Vec<Target> {
    let mut found = Vec::new();
    let mut taken = BTreeSet::new();
    let mut add = |target: Target| {
        let each = target.each_host();
        for one in if each.is_empty() { vec![target] } else { each } {
            if taken.insert(one.address()) {
                found.push(one);
            }
        }
    };
    seat.into_iter().cloned().for_each(&mut add);
    add(named.clone());
    if let Some(Named::Listed(list)) = replication.of_shard(&named.shard) {
        let replicas = list.iter().filter(|node| node.role == NodeRole::Replica);
        replicas.map(|node| node.target.clone()).for_each(&mut add);
    }
    let remembered = known.iter().flat_map(|known| &known.nodes);
    remembered
        .filter_map(|node| reach_remembered(named, node))
        .for_each(&mut add);
    for target in &mut found {
        target.application = named.application.clone();
    }
    found
}

/// A remembered server, reached as the primary is: its user, database and options.
pub fn reach_remembered(named: &Target, node: &Node) -> Option<Target> {
    let place = match node.dialled.parse::<url::Url>() {
        Ok(url) => match &hosts::places(&url)[..] {
            [one] => one.clone(),
            // Which of several it was, its own address says.
            _ => by_address(&node.address)?,
        },
        Err(_) => by_address(&node.address)?,
    };
    let url = hosts::at(&named.url, &place)?;
    Some(Target {
        url,
        ..named.clone()
    })
}

fn by_address(address: &str) -> Option<Place> {
    let (host, port) = address.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    Some(Place {
        host: host.to_owned(),
        port: Some(port.to_owned()),
    })
}
