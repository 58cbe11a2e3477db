//! What is remembered of a shard: who it is, which servers were proven nodes of it, and which of them is its primary.

use crate::survey::Server;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use uuid::Uuid;

/// What is remembered of a shard from earlier proofs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub uuid: Uuid,
    /// Every server that was proven a node of the shard (primary or replica) or accepted as one; the last one is where its
    /// primary was proven last.
    pub nodes: Vec<Node>,
    /// Those of them that were (or may have been, under another name) the primary until another was promoted, and have not been
    /// seen to follow it since. What accepts writes there may be an old primary that came back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deposed: Vec<Node>,
}

/// A server that was proven a node of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Node {
    pub lineage: String,
    pub database: String,
    /// Where it was, as the server said.
    pub address: String,
    /// Where the project said that it was.
    #[serde(default)]
    pub dialled: String,
    /// The run of the server that was seen there last (`Server::instance`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
}

impl Known {
    /// Where the primary was proven last.
    pub fn primary(&self) -> Option<&Node> {
        self.nodes.last()
    }

    pub fn is_primary(&self, server: &Server) -> bool {
        self.primary().is_some_and(|last| last.is(server))
    }

    pub fn is_deposed(&self, server: &Server) -> bool {
        self.deposed.iter().any(|node| node.is(server))
    }

    /// The primary is proven on this server: another one that was is deposed.
    pub fn prove_primary(&mut self, server: &Server) {
        let node = Node::from(server);
        if let Some(last) = self.primary()
            && !last.is(server)
        {
            // Under another name the old primary is no better.
            let old = (self.nodes.iter()).filter(|known| known.may_be(last) && !known.is(server));
            let old: Vec<Node> = old.cloned().collect();
            self.deposed.retain(|known| !old.contains(known));
            self.deposed.extend(old);
        }
        self.deposed.retain(|known| !known.is(server));
        self.nodes.retain(|known| !known.is_entry(&node));
        for known in self.nodes.iter_mut().filter(|known| known.is(server)) {
            known.instance.clone_from(&node.instance);
        }
        self.nodes.push(node);
    }

    /// The server is a node of the shard. That it is one now does not say that it follows: deposed it stays.
    pub fn prove_replica(&mut self, server: &Server) {
        let node = Node::from(server);
        match self.nodes.iter_mut().find(|known| known.is_entry(&node)) {
            Some(known) => *known = node,
            None => {
                // The last one stays last: it is where the primary was proven.
                let place = self.nodes.len().saturating_sub(1);
                self.nodes.insert(place, node);
            }
        }
    }

    /// The server was seen to follow that one: deposed no more, if that is the primary.
    pub fn prove_follower(&mut self, server: &Server, primary: &Server) {
        if self.is_primary(primary) && !Node::from(primary).is(server) {
            self.deposed.retain(|node| !node.is(server));
        }
        self.prove_replica(server);
    }

    /// How many servers beside the primary are expected to follow it: one that was deposed may never come back, and one server
    /// under two names is one.
    pub fn followers(&self) -> usize {
        let Some(primary) = self.primary() else {
            return 0;
        };
        let mut found: Vec<&Node> = Vec::new();
        for node in &self.nodes {
            let known = |other: &Node| node.is_same(other);
            if !known(primary)
                && !self.deposed.iter().any(known)
                && !found.iter().any(|other| known(other))
            {
                found.push(node);
            }
        }
        found.len()
    }
}

impl Node {
    /// Whether a server is this node. All nodes of a cluster may share lineage and number of the database, and so do clones: what
    /// is neither under the name where the node was proven, nor the same run of a server, nor at an address that is one server's
    /// alone, may be another.
    pub fn is(&self, server: &Server) -> bool {
        self.is_same(&Node::from(server))
    }

    fn is_same(&self, other: &Node) -> bool {
        // Before names were kept, there was the address alone.
        let nameless = self.dialled.is_empty() || other.dialled.is_empty();
        self.is_kin(other)
            && (self.is_at_name(other)
                || self.is_run(other)
                || self.address == other.address && (nameless || is_unique(&self.address)))
    }

    /// Whether the two may be one server, for all that is known: where being wrong means trusting nobody.
    fn may_be(&self, other: &Node) -> bool {
        self.is_kin(other)
            && (self.is_at_name(other) || self.is_run(other) || self.address == other.address)
    }

    fn is_entry(&self, other: &Node) -> bool {
        self.is_kin(other) && self.address == other.address && self.dialled == other.dialled
    }

    fn is_kin(&self, other: &Node) -> bool {
        self.lineage == other.lineage && self.database == other.database
    }

    fn is_at_name(&self, other: &Node) -> bool {
        !self.dialled.is_empty() && self.dialled == other.dialled
    }

    fn is_run(&self, other: &Node) -> bool {
        self.instance.is_some() && self.instance == other.instance
    }
}

/// Whether no two servers can say this address. Each container host has its own 172.17.0.2, and each end of a tunnel its own
/// loopback. What is no number is a name or a path that comes with a lineage of its own.
fn is_unique(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, ..] = ip.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            !(ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_unspecified()
                || is_shared)
        }
        Ok(IpAddr::V6(ip)) => {
            let first = ip.segments()[0];
            let is_local = first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80;
            !(ip.is_loopback() || ip.is_unspecified() || is_local)
        }
        Err(_) => true,
    }
}

impl From<&Server> for Node {
    fn from(server: &Server) -> Self {
        Self {
            lineage: server.lineage.clone(),
            database: server.database.clone(),
            address: server.address.clone(),
            dialled: server.dialled.clone(),
            instance: server.instance.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
