//! A node that is the shard's primary itself: a name of a service leads wherever a failover has taken the primary, and that is one of the
//! shard's other nodes then.

use super::{
    super::arrange::FORMER,
    Board, News,
    shard::{ShardNodes, is_required},
};
use greylag_core::{
    fleet::ShardName,
    identity::{Known, Node},
    node::{NodeName, NodeRole, NodeSighting},
};
use jiff::Timestamp;

impl Board {
    /// Goes by what is remembered of the shard now.
    pub fn remember(&mut self, shard: &ShardName, known: Option<Known>) {
        self.shards.entry(shard.clone()).or_default().known = known;
    }

    /// The node is the shard's primary now: its name leads to the same server.
    pub fn is_aside(&self, name: &NodeName) -> bool {
        let shard = self.shards.get(&name.shard);
        shard.is_some_and(|shard| shard.nodes.get(name).is_some_and(|node| node.aside))
    }

    /// Whether the node is the primary itself, by another name. A server that was this node before need not replay what it writes itself. Any
    /// other is refused: somebody meant another server, or the name of a service leads to the primary for want of the node, which is missed.
    pub(super) fn step_aside(&mut self, name: &NodeName, seen: &NodeSighting) -> bool {
        let Some(shard) = self.shards.get_mut(&name.shard) else {
            return false;
        };
        let primary = shard.primary.clone();
        // The project's own name for the primary leads to it again.
        let is_home_again = &*name.node == FORMER;
        let is_it = primary.is_some_and(|primary| {
            seen.is_other_name_of(&primary)
                && (is_home_again || was_node(shard, name, seen, &primary))
        });
        let node = shard.nodes.get_mut(name);
        let Some(node) = node.filter(|node| is_it && node.named.role == NodeRole::Replica) else {
            self.call_back(name);
            return false;
        };
        let node_guards = node.named.policy.guards(Timestamp::now());
        (node.before, node.standing, node.error) = (None, None, None);
        (node.follows, node.replayed) = (false, false);
        let is_new = !std::mem::replace(&mut node.aside, true);
        if is_new {
            let now = Timestamp::now();
            let mut others = shard.nodes.values();
            let last = !others.any(|node| is_required(node, &self.settings, now));
            // Under this name, too, it is known by its run from now on.
            self.untold.push(News::Proven {
                shard: name.shard.clone(),
                server: seen.server.clone(),
                follows: None,
                name: None,
            });
            // Nobody waited for the old primary, unless it had followed.
            let was_counted = !is_home_again || node_guards;
            self.untold.extend(was_counted.then(|| News::Aside {
                node: name.clone(),
                last,
            }));
        }
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

/// Whether the server that is the primary now is the one that was this node: when it was seen last, or else as it is remembered.
fn was_node(
    shard: &ShardNodes,
    name: &NodeName,
    seen: &NodeSighting,
    primary: &NodeSighting,
) -> bool {
    let stood = shard
        .nodes
        .get(name)
        .and_then(|node| node.stood.as_ref())
        .map(|(was, beside)| (&**was, &**beside));
    match stood {
        // It was the primary even then, and the node another server.
        Some((_, beside)) if beside.is_one_server(seen) => false,
        Some((was, beside)) => {
            let (was_node, beside) = (Node::from(&was.server), Node::from(&beside.server));
            was.is_one_server(seen)
                || was_node.is_still(&seen.server, &primary.server, [&beside, &was_node])
        }
        None => {
            let known = shard.known.as_ref();
            known.is_some_and(|known| known.has_had(&seen.server, &primary.server))
        }
    }
}
