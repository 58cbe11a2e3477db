//! What is remembered of a shard: who it is, which servers were proven nodes of it, and which of them is its primary.

use crate::{engine::Replication, survey::Server};
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
    /// What it was called among its shard's nodes, where its primary named it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where the project said that it was, nobody has seen it but as the primary: the replica of that name, if there is one, is another server.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_primary: bool,
}

/// What became of a person's word that a node is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// These are expected no more: one server may have been known under several names.
    Nodes(Vec<Node>),
    /// It is where the primary was proven last.
    Primary,
    /// No node is called so.
    Unknown,
}

impl Known {
    /// Where the primary was proven last.
    pub fn primary(&self) -> Option<&Node> {
        self.nodes.last()
    }

    pub fn is_primary(&self, server: &Server) -> bool {
        self.primary().is_some_and(|last| last.is(server))
    }

    /// Whether a server is the one that was proven a node of the shard last where its name leads: the name of a service leads to one
    /// server now, and to another then. `elsewhere` is the same server, as it is reached by another name.
    pub fn has_had(&self, server: &Server, elsewhere: &Server) -> bool {
        let mut nodes = self.nodes.iter().rev();
        let last = (self.standby_at(&server.dialled))
            .or_else(|| nodes.find(|node| node.dialled == server.dialled));
        last.is_some_and(|last| last.is_still(server, elsewhere, &self.nodes))
    }

    /// Whether the primary was proven last where a replica of its shard is expected, which is another server: a readers' name leads to the
    /// primary where it has nobody else to lead to.
    pub fn stands_in(&self) -> bool {
        self.primary().is_some_and(|primary| {
            primary.only_primary && self.standby_at(&primary.dialled).is_some()
        })
    }

    /// Who was proven a replica last where this name leads.
    fn standby_at(&self, dialled: &str) -> Option<&Node> {
        let mut nodes = self.nodes.iter().rev();
        nodes.find(|node| !node.only_primary && node.dialled == dialled)
    }

    /// Whether the server stands, as the primary, where a replica was that is another server, or nobody.
    fn is_new_at_its_name(&self, server: &Server) -> bool {
        let here = Node::from(server);
        if let Some(last) = self.primary()
            && last.is_kin(&here)
            && last.is_at_name(&here)
        {
            return last.only_primary;
        }
        // By another name it says another address where that is the name's own.
        let mut others = self.nodes.iter().filter(|node| node.is_run(&here));
        let other = others.find(|node| node.dialled != here.dialled);
        let elsewhere = Server {
            address: other.map_or(&here.address, |node| &node.address).clone(),
            ..server.clone()
        };
        !(self.standby_at(&here.dialled))
            .is_some_and(|standby| standby.is_still(server, &elsewhere, &self.nodes))
    }

    pub fn is_deposed(&self, server: &Server) -> bool {
        self.deposed.iter().any(|node| node.is(server))
    }

    /// The primary is proven on this server: another one that was is deposed.
    pub fn prove_primary(&mut self, server: &Server) {
        let mut node = Node::from(server);
        node.only_primary = self.is_new_at_its_name(server);
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
        let is_missed = |known: &Node| {
            node.only_primary && !known.only_primary && known.dialled == node.dialled
        };
        let is_it = |known: &&Node| known.is_entry(&node) && !is_missed(known);
        let name = self
            .nodes
            .iter()
            .find(is_it)
            .map(|known| known.name.clone());
        self.nodes.retain(|known| !is_it(&known));
        for known in &mut self.nodes {
            if known.is(server) && !is_missed(known) {
                known.instance.clone_from(&node.instance);
            }
        }
        node.name = name.unwrap_or_default();
        self.nodes.push(node);
    }

    /// The server is a node of the shard. That it is one now does not say that it follows: deposed it stays.
    pub fn prove_replica(&mut self, server: &Server) {
        let mut node = Node::from(server);
        // The last one stays last: it is where the primary was proven.
        let last = self.nodes.len().saturating_sub(1);
        // What a name leads to now says nothing of the primary that it led to.
        let is_another = |known: &Node| known.only_primary && known.instance != node.instance;
        let is_it = |(at, known): (usize, &Node)| {
            known.is_entry(&node) && !(at == last && is_another(known))
        };
        let Some(at) = self.nodes.iter().enumerate().position(is_it) else {
            return self.nodes.insert(last, node);
        };
        node.name = std::mem::take(&mut self.nodes[at].name);
        self.nodes[at] = node;
        let here = &self.nodes[at];
        let mut since = self.nodes[at..last].iter().skip(1);
        // Of several that were reached by one name the one that was proven last is there.
        if since.any(|known| known.is_at_name(here)) {
            self.nodes[at..last].rotate_left(1);
        }
    }

    /// The server was seen to follow that one: deposed no more, if that is the primary.
    pub fn prove_follower(&mut self, server: &Server, primary: &Server) {
        if self.is_primary(primary) && !Node::from(primary).is(server) {
            self.deposed.retain(|node| !node.is(server));
        }
        self.prove_replica(server);
    }

    /// What the server is called among the shard's nodes. One that was called so elsewhere has moved, and is there no more.
    pub fn call(&mut self, server: &Server, name: &str) {
        let here = Node::from(server);
        let primary = self.primary().cloned();
        let deposed = std::mem::take(&mut self.deposed);
        self.nodes.retain(|known| {
            known.name != name
                || known.is_entry(&here)
                || primary.as_ref() == Some(known)
                || deposed.contains(known)
        });
        self.deposed = deposed;
        for known in self.nodes.iter_mut().filter(|known| known.is_entry(&here)) {
            name.clone_into(&mut known.name);
        }
    }

    /// A person says that a node is gone: it is expected no more, and no stranger's word is taken for its.
    pub fn forget(&mut self, title: &str) -> Forgotten {
        let called: Vec<Node> = (self.nodes.iter().chain(&self.deposed))
            .filter(|node| node.is_called(title))
            .cloned()
            .collect();
        if called.is_empty() {
            return Forgotten::Unknown;
        }
        let is_it = |node: &Node| called.iter().any(|one| one.is_same(node));
        if self.primary().is_some_and(is_it) {
            return Forgotten::Primary;
        }
        // Whoever was there before it is there no more, either.
        let was_there = |node: &Node| called.iter().any(|one| one.is_at_name(node));
        let primary = self.primary().cloned();
        self.deposed.retain(|node| !is_it(node));
        let all = std::mem::take(&mut self.nodes).into_iter();
        let (gone, left): (Vec<Node>, Vec<Node>) =
            all.partition(|node| is_it(node) || was_there(node) && primary.as_ref() != Some(node));
        self.nodes = left;
        Forgotten::Nodes(gone)
    }

    /// The servers beside the primary that are expected to follow it: one that was deposed may never come back, and one server
    /// under two names is one.
    pub fn followers(&self) -> Vec<&Node> {
        let Some(primary) = self.primary() else {
            return Vec::new();
        };
        let mut found: Vec<&Node> = Vec::new();
        for node in &self.nodes {
            let known = |other: &Node| node.is_same(other);
            if known(primary) || self.deposed.iter().any(known) {
                continue;
            }
            match found.iter_mut().find(|other| known(other)) {
                // Better the one that people know by name.
                Some(other) if other.name.is_empty() => *other = node,
                Some(_) => {}
                None => found.push(node),
            }
        }
        found
    }
}

impl Node {
    /// Whether a server is this node. All nodes of a cluster may share lineage and number of the database, and so do clones: what
    /// is neither under the name where the node was proven, nor the same run of a server, nor at an address that is one server's
    /// alone, may be another.
    pub fn is(&self, server: &Server) -> bool {
        self.is_same(&Node::from(server))
    }

    /// Whether the two are one server.
    pub fn is_same(&self, other: &Node) -> bool {
        // Before names were kept, there was the address alone.
        let nameless = self.dialled.is_empty() || other.dialled.is_empty();
        self.is_kin(other)
            && (self.is_at_name(other)
                || self.is_run(other)
                || self.address == other.address && (nameless || is_unique(&self.address)))
    }

    /// Whether a server that answers by this node's name is this node still, by what it says of itself. `elsewhere` is the same server, as
    /// it is reached by another name, and `others` are servers of the same shard.
    pub fn is_still<'a>(
        &self,
        server: &Server,
        elsewhere: &Server,
        others: impl IntoIterator<Item = &'a Node>,
    ) -> bool {
        let now = Node::from(server);
        // All servers of a cluster have one lineage on PostgreSQL.
        let is_shared = server.engine.facts().replication == Replication::Wal;
        // An address may be the name's own, which comes with it, or one that each host of containers and each tunnel has.
        let is_own = || server.address == elsewhere.address;
        let tells_apart = || (others.into_iter()).any(|other| other.address != self.address);
        self.is_kin(&now)
            && (!is_shared
                || self.is_run(&now)
                || self.address == now.address && is_own() && tells_apart())
    }

    /// What people know it by: its name, or where it was reached.
    pub fn title(&self) -> &str {
        match &*self.name {
            "" => self.place().unwrap_or(&self.address),
            name => name,
        }
    }

    fn is_called(&self, title: &str) -> bool {
        !title.is_empty()
            && (title == self.name || title == self.address || self.place() == Some(title))
    }

    /// Host and port of where the project said that it was; none where it named several hosts, or none.
    fn place(&self) -> Option<&str> {
        let (_, rest) = self.dialled.split_once("://")?;
        let place = rest.split(['/', '?']).next()?;
        (!place.is_empty() && !place.contains(',')).then_some(place)
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
            name: String::new(),
            only_primary: false,
        }
    }
}

#[cfg(test)]
mod tests;
