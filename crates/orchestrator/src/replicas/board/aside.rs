//! A node that is the shard's primary itself: a name of a service leads wherever a failover has taken the primary, and that is one of the
//! shard's other nodes then.

use super::{Board, News};
use greylag_core::node::{NodeName, NodeRole, NodeSighting};

impl Board {
    /// The node is remembered as one of its shard.
    pub fn recognise(&mut self, name: &NodeName) {
        if let Some(node) = self.node(name) {
            node.known = true;
        }
    }

    /// The node is the shard's primary now: its name leads to the same server.
    pub fn is_aside(&self, name: &NodeName) -> bool {
        let shard = self.shards.get(&name.shard);
        shard.is_some_and(|shard| shard.nodes.get(name).is_some_and(|node| node.aside))
    }

    /// Whether the node is the primary itself, by another name. A node that was one of the shard's before need not replay what it writes itself; any other is
    /// refused, as somebody meant another server.
    pub(super) fn step_aside(&mut self, name: &NodeName, seen: &NodeSighting) -> bool {
        let Some(shard) = self.shards.get_mut(&name.shard) else {
            return false;
        };
        let primary = shard.primary.clone();
        let Some(node) = shard.nodes.get_mut(name) else {
            return false;
        };
        let is_it = primary.is_some_and(|primary| seen.is_other_name_of(&primary));
        let aside = node.named.role == NodeRole::Replica && is_it && (node.known || node.proven);
        if !aside {
            self.call_back(name);
            return false;
        }
        if !node.aside {
            node.aside = true;
            // Under this name, too, it is known by its run from now on.
            self.untold.push(News::Proven {
                shard: name.shard.clone(),
                server: seen.server.clone(),
                follows: None,
                name: None,
            });
        }
        (node.before, node.standing, node.error) = (None, None, None);
        (node.follows, node.replayed) = (false, false);
        self.throttle.forget(name);
        true
    }

    /// What is not the primary any more counts as it did before.
    pub(super) fn call_back(&mut self, name: &NodeName) {
        let node = (self.shards.get_mut(&name.shard)).and_then(|shard| shard.nodes.get_mut(name));
        let Some(node) = node.filter(|node| node.aside) else {
            return;
        };
        node.aside = false;
        let (named, host) = (node.named.clone(), node.host.clone());
        (self.throttle).expect(named.node, named.role, named.policy, host);
    }
}
