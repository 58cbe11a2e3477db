//! What is known of the nodes of a rollout's shards, kept by those who look and read by the dispatcher.
//!
//! Behind one lock that is never held across an await.

mod aside;
mod awaiting;
mod news;
mod shard;

pub use self::news::{Awaited, News, Shows};
pub use self::shard::advise;
use self::shard::{Node, ShardNodes, figures, is_left_out};
use super::{arrange::FORMER, named::NamedNode};
use crate::project::ReplicaSettings;
use greylag_core::{
    fleet::ShardName,
    gate::WaitReason,
    node::{Case, NodeName, NodePolicy, NodeRole, NodeSighting, NodeState, Standing, Trail, judge},
    throttle::{Go, Throttle},
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

pub struct Board {
    settings: Arc<ReplicaSettings>,
    throttle: Throttle,
    shards: BTreeMap<ShardName, ShardNodes>,
    /// What was learnt of nodes, until it is told.
    untold: Vec<News>,
    /// So many times a node has come to be looked at.
    rounds: u64,
}

impl Board {
    pub fn new(settings: Arc<ReplicaSettings>) -> Self {
        Self {
            throttle: Throttle::new(settings.limits.clone()),
            settings,
            shards: BTreeMap::new(),
            untold: Vec::new(),
            rounds: 0,
        }
    }

    /// From now on the node is looked at, if it is new: in this round. Whoever looks in an earlier one, at a node of this name, is told
    /// to end (`watches`).
    pub fn expect(&mut self, named: NamedNode, host: Arc<str>, auto: bool) -> Option<u64> {
        let shard = self.shards.entry(named.node.shard.clone()).or_default();
        shard.auto = auto;
        if shard.nodes.contains_key(&named.node) {
            return None;
        }
        self.rounds += 1;
        self.throttle.expect(
            named.node.clone(),
            named.role,
            named.policy.clone(),
            host.clone(),
        );
        let node = Node {
            round: self.rounds,
            host,
            aside: false,
            stood: None,
            before: None,
            standing: None,
            error: None,
            looked: None,
            advice: None,
            replayed: false,
            proven: false,
            follows: false,
            told: BTreeSet::new(),
            left_out: false,
            named: named.clone(),
        };
        shard.nodes.insert(named.node, node);
        Some(self.rounds)
    }

    /// The project says that the shard has no nodes beside its primary: none are waited for, however many are wanted.
    pub fn has_none(&mut self, shard: &ShardName) {
        self.shards.entry(shard.clone()).or_default().alone = true;
    }

    /// What a person can do should the node never come back.
    pub fn advise(&mut self, name: &NodeName, advice: Option<String>) {
        if let Some(node) = self.node(name) {
            node.advice = advice;
        }
    }

    /// Another node of the shard that is the same server, by another way.
    pub fn double(&self, name: &NodeName, seen: &NodeSighting) -> Option<&NodeName> {
        let shard = self.shards.get(&name.shard)?;
        let is_it = |other: &&Node| {
            let there = other.before.as_ref().map(|(seen, _)| seen);
            other.named.node != *name
                && other.named.role == NodeRole::Replica
                && other.error.is_none()
                && there.is_some_and(|there| there.is_one_server(seen))
        };
        shard
            .nodes
            .values()
            .find(is_it)
            .map(|node| &node.named.node)
    }

    /// The node is looked at no more.
    pub fn dismiss(&mut self, name: &NodeName) {
        self.throttle.forget(name);
        if let Some(shard) = self.shards.get_mut(&name.shard) {
            shard.nodes.remove(name);
        }
    }

    /// Everything known of the shard's nodes is forgotten: its primary is another server.
    pub fn start_over(&mut self, shard: &ShardName) {
        let Some(found) = self.shards.get_mut(shard) else {
            return;
        };
        found.primary = None;
        (found.named, found.lacking) = (false, None);
        found.trail = Trail::default();
        (found.looks, found.later) = (0, None);
        let names: Vec<NodeName> = found.nodes.keys().cloned().collect();
        for name in names {
            self.dismiss(&name);
        }
    }

    /// Whether the node was seen to be one of its shard.
    pub fn is_proven(&self, name: &NodeName) -> bool {
        let shard = self.shards.get(&name.shard);
        shard.is_some_and(|shard| shard.nodes.get(name).is_some_and(|node| node.proven))
    }

    /// All of the shard's nodes.
    pub fn names(&self, shard: &ShardName) -> Vec<NodeName> {
        let found = self.shards.get(shard);
        found.map_or_else(Vec::new, |found| found.nodes.keys().cloned().collect())
    }

    /// Whether the node is looked at in this round still.
    pub fn watches(&self, name: &NodeName, round: u64) -> bool {
        let node = (self.shards.get(&name.shard)).and_then(|shard| shard.nodes.get(name));
        node.is_some_and(|node| node.round == round)
    }

    /// Takes in one look.
    pub fn take(&mut self, name: &NodeName, mut seen: NodeSighting) {
        // Every age is told by our own clock.
        seen.at = Timestamp::now();
        let max_lag = self.settings.limits.max_lag;
        let Some(shard) = self.shards.get_mut(&name.shard) else {
            return;
        };
        let before = shard.nodes.get(name).and_then(|node| node.before.as_ref());
        let before = before.map(|(before, _)| before.clone());
        seen.remember(before.as_deref(), shard.primary.as_deref());
        let seen = Arc::new(seen);
        let peers: Vec<String> = shard
            .nodes
            .values()
            .filter(|node| {
                let proven = |standing: &Standing| standing.state != NodeState::Refused;
                node.standing.as_ref().is_some_and(proven)
            })
            .filter_map(|node| Some(node.before.as_ref()?.0.own.clone()))
            .collect();
        let Some(role) = shard.nodes.get(name).map(|node| node.named.role) else {
            return;
        };
        if role == NodeRole::Primary {
            if let Some(position) = &seen.position {
                shard.trail.note(seen.at, position);
            }
            shard.looks = shard.looks.saturating_add(1);
            if shard.looks > 1 && shard.later.is_none() {
                shard.later.clone_from(&seen.position);
            }
            shard.primary = Some(seen.clone());
        }
        // Before the first look at its primary nothing can be said of a node: that is no reason to hold yet.
        let unlooked = shard.primary.is_none()
            && shard
                .nodes
                .values()
                .any(|node| node.named.role == NodeRole::Primary && node.error.is_none());
        if role != NodeRole::Primary && unlooked {
            return;
        }
        if self.step_aside(name, &seen) {
            return;
        }
        let Some(shard) = self.shards.get_mut(&name.shard) else {
            return;
        };
        let subscribers: BTreeSet<String> = shard
            .nodes
            .values()
            .filter_map(|node| node.before.as_ref())
            .flat_map(|(seen, _)| &seen.subscriptions)
            .filter_map(|subscription| subscription.slot.clone())
            .collect();
        let followed = shard
            .followed_by(&seen)
            .filter(|_| role == NodeRole::Replica);
        let alone = shard.alone;
        let Some(node) = shard.nodes.get_mut(name) else {
            return;
        };
        let mut standing = judge(&Case {
            role,
            node: &seen,
            primary: shard.primary.as_deref(),
            trail: &shard.trail,
            before: node
                .before
                .as_ref()
                .map(|(seen, distance)| (&**seen, *distance)),
            peers: &peers,
            max_lag,
        });
        if let Some(advice) = node.advice.as_ref().filter(|_| !standing.is_rival()) {
            advise(&mut standing, advice);
        }
        let slots = match role {
            NodeRole::Primary => figures(&seen, &subscribers),
            _ => Vec::new(),
        };
        let unproven = matches!(
            standing.state,
            NodeState::Refused | NodeState::Unobservable | NodeState::Unreachable
        );
        let begins = followed.is_some() && !unproven && !node.follows;
        if begins {
            node.follows = true;
            if &*name.node == FORMER && !alone {
                // The old primary follows the new one: a replica like any other, unless a person said that there are none.
                node.named.policy = NodePolicy::Guard;
                let host = node.host.clone();
                (self.throttle).expect(name.clone(), role, NodePolicy::Guard, host);
            }
        }
        // By itself it belongs to nobody: only beside its primary is it seen to be this shard's.
        let primary = shard.primary.as_ref().filter(|_| role == NodeRole::Replica);
        if let Some(primary) = primary.filter(|_| !unproven) {
            let stood = node.stood.replace((seen.clone(), primary.clone()));
            // The name of a service leads to one server now, and to another then.
            let is_another = stood.is_some_and(|(was, _)| !was.is_one_server(&seen));
            let is_new = begins || is_another || !node.proven;
            node.proven = true;
            let follows = followed.filter(|_| begins);
            self.untold.extend(is_new.then(|| News::Proven {
                shard: name.shard.clone(),
                server: seen.server.clone(),
                follows,
                name: (shard.auto && &*name.node != FORMER).then(|| name.node.clone()),
            }));
        }
        node.error = None;
        node.before = Some((seen.clone(), standing.lag.distance));
        node.standing = Some(standing.clone());
        let found = node.untold(Timestamp::now()).into_iter();
        (self.untold).extend(found.map(|finding| News::Found {
            node: name.clone(),
            finding,
        }));
        shard.see_subscribers();
        self.throttle.see(name, standing, seen.load.clone(), slots);
    }

    /// A look came to nothing.
    pub fn miss(&mut self, name: &NodeName, error: String) {
        self.call_back(name);
        let Some(node) = self.node(name) else {
            return;
        };
        let error = match &node.advice {
            Some(advice) => format!("{error}; {advice}"),
            None => error,
        };
        node.error = Some(error.clone());
        self.throttle.miss(name, error, Timestamp::now());
    }

    /// The shard should have nodes to wait for, and has none.
    pub fn lack(&mut self, shard: ShardName, why: Option<String>) {
        let found = self.shards.entry(shard.clone()).or_default();
        found.lacking.clone_from(&why);
        self.throttle.lack(shard, why);
    }

    /// The shard's primary has said who follows it, and all that could be found of these are expected.
    pub fn named(&mut self, shard: &ShardName) {
        if let Some(found) = self.shards.get_mut(shard) {
            found.named = true;
        }
    }

    pub fn go(&self) -> Go {
        let now = Timestamp::now();
        let excused = |name: &ShardName| self.throttle.is_excused(name);
        let counted = || self.shards.iter().filter(|(name, _)| !excused(name));
        let few = counted().filter_map(|(name, shard)| shard.too_few(name, &self.settings, now));
        let few: Vec<WaitReason> = few.collect();
        match self.throttle.go(now) {
            Go::Hold(mut reasons) => {
                reasons.extend(few);
                Go::Hold(reasons)
            }
            _ if !few.is_empty() => Go::Hold(few),
            // Between a primary's word on who follows it and the first look at them, nothing is known of those.
            Go::Yes if !counted().all(|(_, shard)| shard.knows_its_nodes()) => Go::NotYet,
            go => go,
        }
    }

    /// The shard's guarded nodes of a role.
    pub fn guarded(&self, shard: &ShardName, role: NodeRole) -> Vec<NamedNode> {
        let now = Timestamp::now();
        let Some(found) = self.shards.get(shard) else {
            return Vec::new();
        };
        let guarded = found
            .nodes
            .values()
            // Who reads on a replica that is left out is not asked; a subscriber gets its work whatever its rows do.
            .filter(|node| role != NodeRole::Replica || !is_left_out(node, &self.settings))
            .filter(|node| !node.aside)
            .map(|node| &node.named)
            .filter(|named| named.role == role && named.policy.guards(now));
        guarded.cloned().collect()
    }

    /// The shard is left out: it is waited for no longer, and its nodes hold nothing.
    pub fn excuse(&mut self, shard: &ShardName) {
        self.forget(shard);
        self.throttle.excuse(shard.clone());
    }

    fn node(&mut self, name: &NodeName) -> Option<&mut Node> {
        self.shards.get_mut(&name.shard)?.nodes.get_mut(name)
    }
}

/// How long one look may take.
pub fn patience(poll: Duration) -> Duration {
    (poll * 2).max(Duration::from_secs(2))
}

#[cfg(test)]
mod tests;
