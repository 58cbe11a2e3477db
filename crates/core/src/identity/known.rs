//! What is remembered of a shard: who it is, which servers were proven nodes of it, and which of them is its primary.

use crate::survey::Server;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What is remembered of a shard from earlier proofs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub uuid: Uuid,
    /// Every server that was proven a node of the shard (primary or replica) or accepted as one; the last one is where its
    /// primary was proven last.
    pub nodes: Vec<Node>,
    /// Those of them that were the primary until another was promoted, and have not been seen to follow it since. What accepts
    /// writes there may be an old primary that came back.
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
        if let Some(last) = self.primary()
            && !last.is(server)
        {
            let last = last.clone();
            self.deposed.retain(|node| *node != last);
            self.deposed.push(last);
        }
        self.deposed.retain(|node| !node.is(server));
        let node = Node::from(server);
        self.nodes.retain(|known| *known != node);
        self.nodes.push(node);
    }

    /// The server is proven to follow the primary: deposed no more.
    pub fn prove_replica(&mut self, server: &Server) {
        self.deposed.retain(|node| !node.is(server));
        let node = Node::from(server);
        if !self.nodes.contains(&node) {
            // The last one stays last: it is where the primary was proven.
            let place = self.nodes.len().saturating_sub(1);
            self.nodes.insert(place, node);
        }
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
    /// Whether a server is this node. Clones share lineage and number of the database: what is neither at the address nor under
    /// the name where the node was proven may be one.
    pub fn is(&self, server: &Server) -> bool {
        self.is_same(&Node::from(server))
    }

    fn is_same(&self, other: &Node) -> bool {
        self.lineage == other.lineage
            && self.database == other.database
            && (self.address == other.address || self.dialled == other.dialled)
    }
}

impl From<&Server> for Node {
    fn from(server: &Server) -> Self {
        Self {
            lineage: server.lineage.clone(),
            database: server.database.clone(),
            address: server.address.clone(),
            dialled: server.dialled.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;

    fn server(port: u16) -> Server {
        Server {
            engine: Engine::Postgres,
            version: "15".into(),
            lineage: "7".into(),
            database: "orders/5/public".into(),
            address: format!("10.0.0.1:{port}"),
            dialled: format!("postgres://db{port}/orders"),
        }
    }

    fn known() -> Known {
        let mut known = Known::default();
        known.prove_primary(&server(1));
        known.prove_replica(&server(2));
        known.prove_replica(&server(3));
        known
    }

    #[test]
    fn the_primary_that_was_is_deposed_until_it_is_seen_to_follow() {
        let mut known = known();
        assert!(known.is_primary(&server(1)) && known.deposed.is_empty());
        known.prove_primary(&server(2));
        assert!(known.is_primary(&server(2)));
        assert!(known.is_deposed(&server(1)) && !known.is_deposed(&server(2)));
        known.prove_primary(&server(2));
        assert!(known.is_deposed(&server(1)), "proven again changes nothing");
        known.prove_replica(&server(1));
        assert!(!known.is_deposed(&server(1)));
        assert!(known.is_primary(&server(2)));
    }

    #[test]
    fn who_is_expected_to_follow_is_neither_the_primary_nor_one_that_was() {
        let mut known = known();
        assert_eq!(known.followers(), 2);
        known.prove_primary(&server(2));
        assert_eq!(known.followers(), 1);
        let renamed = Server {
            dialled: "postgres://other/orders".into(),
            ..server(2)
        };
        known.prove_primary(&renamed);
        assert_eq!(known.followers(), 1, "one server under two names");
        assert_eq!(known.deposed.len(), 1);
    }

    #[test]
    fn what_was_remembered_before_there_were_deposed_ones_is_read() {
        let json = r#"{"uuid":"00000000-0000-0000-0000-000000000000","nodes":[]}"#;
        let known: Known = serde_json::from_str(json).unwrap();
        assert_eq!(known, Known::default());
        assert_eq!(serde_json::to_string(&known).unwrap(), json);
    }
}
