//! The nodes of one shard, as they were seen last, and what that makes of its work.

use super::{Awaited, News};
use crate::{
    project::{Expected, ReplicaSettings},
    replicas::named::NamedNode,
};
use greylag_core::{
    fleet::ShardName,
    gate::WaitReason,
    identity::Known,
    node::{
        Blame, Finding, NodeName, NodePolicy, NodeRole, NodeSighting, NodeState, SeenRole,
        Severity, Slot, Standing, Trail, confirmed, copies_table, follows,
    },
    position::{Distance, Position, Reach},
    survey::Server,
    throttle::{CatchingUp, SlotFigure, SlotLag, holds},
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::time::Instant;

#[derive(Default)]
pub struct ShardNodes {
    /// Its primary says which nodes there are.
    pub auto: bool,
    /// It has none beside its primary, as the project says.
    pub alone: bool,
    /// It has said so, and those that it named are expected.
    pub named: bool,
    /// Why nobody can say that all of its nodes are known.
    pub lacking: Option<String>,
    /// What is remembered of it.
    pub known: Option<Known>,
    pub primary: Option<Arc<NodeSighting>>,
    pub trail: Trail,
    pub nodes: BTreeMap<NodeName, Node>,
    pub awaited: Option<(Awaited, Instant, bool)>,
    /// All who count had been looked at since then when news was told: what they showed is in it.
    pub weighed: bool,
    /// Looks at the primary since then, and where it was at the second: the first may have been under way. A later position
    /// than that of the work is always safe.
    pub looks: u32,
    pub later: Option<Position>,
}

pub struct Node {
    pub named: NamedNode,
    /// In which it is looked at: a node of this name may have been expected before, and somebody be looking still.
    pub round: u64,
    pub host: Arc<str>,
    /// It is the shard's primary now, which is reached by another name: nobody waits for it to replay its own work.
    pub aside: bool,
    /// When it was seen last to be one of its shard, and the primary that it stood beside: kept while it is missed.
    pub stood: Option<(Arc<NodeSighting>, Arc<NodeSighting>)>,
    pub before: Option<(Arc<NodeSighting>, Option<Distance>)>,
    pub standing: Option<Standing>,
    pub error: Option<String>,
    /// When the last look that is over began.
    pub looked: Option<Instant>,
    /// What a person can do should it never come back.
    pub advice: Option<String>,
    pub replayed: bool,
    pub proven: bool,
    /// Changes were seen to come in from the primary, or from another node that follows it.
    pub follows: bool,
    /// The kinds of findings that have been told of it.
    pub told: BTreeSet<String>,
    /// It was said to be left out, and has not caught up since.
    pub left_out: bool,
}

impl Node {
    /// What was found wrong and holds nothing, so that no reason to wait says it: each kind once.
    pub fn untold(&mut self, now: Timestamp) -> Vec<Finding> {
        let guards = self.named.policy.guards(now);
        let ignored = !guards && matches!(self.named.policy, NodePolicy::Ignore { .. });
        let Some(standing) = self.standing.as_ref().filter(|_| !ignored) else {
            return Vec::new();
        };
        let refused = standing.state == NodeState::Refused;
        let is_quiet = |found: &&Finding| match found.severity {
            Severity::Warning => true,
            Severity::Problem => !holds(found) || !guards && !refused,
        };
        let found = standing.findings.iter().filter(is_quiet);
        let told = &mut self.told;
        found
            .filter(|found| told.insert(found.kind.clone()))
            .cloned()
            .collect()
    }
}

impl ShardNodes {
    /// Until the primary has said who follows it, and that is believed, nobody can say that nobody does.
    pub fn knows_its_nodes(&self) -> bool {
        !self.auto || self.named && self.lacking.is_none()
    }

    /// Fewer nodes count than are waited for, with both figures: it would never be done, or be called done too soon.
    pub fn too_few(
        &self,
        shard: &ShardName,
        settings: &ReplicaSettings,
        now: Timestamp,
    ) -> Option<WaitReason> {
        let Expected::Number(wanted) = settings.wait else {
            return None;
        };
        if self.alone || !self.knows_its_nodes() {
            return None;
        }
        let required = (self.nodes.values()).filter(|node| is_required(node, settings, now));
        let guarded = u32::try_from(required.count()).unwrap_or(u32::MAX);
        (guarded < wanted).then(|| WaitReason::TooFewReplicas {
            shard: shard.clone(),
            guarded,
            wanted,
        })
    }

    /// Subscribers have what is waited for once they have confirmed its place to the publisher.
    pub fn see_subscribers(&mut self) {
        let (Some((awaited, ..)), Some(primary)) = (&self.awaited, &self.primary) else {
            return;
        };
        // After a failover the place of the work is one of another log: what the new publisher has written since is past it.
        let there = primary.position.as_ref();
        let told = (awaited.position.as_ref())
            .filter(|place| there.is_some_and(|there| there.behind(place).is_some()));
        let Some(wanted) = told.or(self.later.as_ref()) else {
            return;
        };
        for node in self.nodes.values_mut() {
            let Some((seen, _)) = &node.before else {
                continue;
            };
            if node.named.role == NodeRole::Subscriber
                && confirmed(seen, primary).is_some_and(|place| place.reaches(wanted) == Reach::Yes)
            {
                node.replayed = true;
            }
        }
    }

    /// The primary, where the node is seen to get changes from it: at first hand, or from another node that does.
    pub fn followed_by(&self, node: &NodeSighting) -> Option<Server> {
        let primary = self.primary.as_deref()?;
        let others = self.nodes.values().filter(|other| other.follows);
        let mut upstream = others
            .filter_map(|other| Some(&*other.before.as_ref()?.0))
            .chain([primary]);
        upstream
            .any(|upstream| follows(node, upstream))
            .then(|| primary.server.clone())
    }

    /// A replica accepts writes, and the primary can't be looked at, or does not.
    pub fn was_promoted(&self) -> bool {
        let seen = |node: &Node| node.before.as_ref().map(|(seen, _)| seen.role);
        let writes = |node: &Node| node.error.is_none() && seen(node) == Some(SeenRole::Primary);
        // The same server by the name of a replica that is missed: nothing has moved.
        let is_the_primary = |node: &Node| {
            let pair = node.before.as_ref().zip(self.primary.as_ref());
            pair.is_some_and(|((seen, _), primary)| seen.is_one_server(primary))
        };
        let of = |role: NodeRole| {
            self.nodes
                .values()
                .filter(move |node| node.named.role == role)
        };
        // One that was the primary by another name writes, too.
        let aside = |node: &Node| node.aside && node.error.is_none();
        let has_heir =
            of(NodeRole::Replica).any(|node| aside(node) || writes(node) && !is_the_primary(node));
        has_heir && !of(NodeRole::Primary).any(writes)
    }
}

/// Whether a shard's work is done only once this node has it.
pub fn is_required(node: &Node, settings: &ReplicaSettings, now: Timestamp) -> bool {
    let counts = matches!(node.named.role, NodeRole::Replica | NodeRole::Subscriber);
    counts && !node.aside && node.named.policy.guards(now) && !is_left_out(node, settings)
}

/// Whether the project leaves this node out for as long as it is catching up.
pub fn is_left_out(node: &Node, settings: &ReplicaSettings) -> bool {
    let catches_up = |standing: &Standing| standing.state == NodeState::CatchingUp;
    settings.limits.catching_up == CatchingUp::Exclude
        && node.standing.as_ref().is_some_and(catches_up)
}

/// What there is to say of a node that is left out, or counts again: once each, though it may gain on its primary by fits and starts.
pub fn left_out(node: &mut Node, settings: &ReplicaSettings, now: Timestamp) -> Option<News> {
    let standing = node.standing.as_ref()?;
    let name = node.named.node.clone();
    let guards = node.named.policy.guards(now) && node.named.role != NodeRole::Primary;
    let (was, lag) = (node.left_out, standing.lag);
    let caught_up = standing.state == NodeState::Good;
    if !was && guards && is_left_out(node, settings) {
        node.left_out = true;
        return Some(News::LeftOut { node: name, lag });
    }
    if was && caught_up {
        node.left_out = false;
        return Some(News::CountsAgain { node: name });
    }
    None
}

pub fn blame_of(node: &Node) -> Option<Blame> {
    if let Some(error) = &node.error {
        return Some(Blame::Unreachable {
            since: None,
            error: error.clone(),
        });
    }
    let standing = node.standing.as_ref()?;
    let refused = || {
        let finding = standing.findings.first()?;
        Some(Blame::Unobservable {
            what: finding.text.clone(),
            mend: finding.mend.clone(),
        })
    };
    match standing.state {
        NodeState::Refused => refused(),
        _ => standing.blame.clone(),
    }
}

/// How the readers of logical slots stand; those of subscribers are nodes of their own.
pub fn figures(primary: &NodeSighting, subscribers: &BTreeSet<String>) -> Vec<SlotFigure> {
    let bytes = |slot: &Slot| {
        let there = primary.position.as_ref()?;
        slot.confirmed.as_ref()?.behind(there)?.bytes()
    };
    // Where the account may see the primary's own place, a slot without one has none yet.
    let mend = (primary.unobservable.last())
        .filter(|_| primary.position.is_none())
        .map(|unseen| unseen.mend.clone());
    let lag = |slot: &Slot| {
        if !slot.logical || subscribers.contains(&slot.name) || copies_table(&slot.name) {
            return SlotLag::Unminded;
        }
        match bytes(slot) {
            Some(bytes) => SlotLag::Bytes(bytes),
            None => SlotLag::Unseen { mend: mend.clone() },
        }
    };
    primary
        .slots
        .iter()
        .map(|slot| SlotFigure {
            slot: slot.name.clone(),
            lag: lag(slot),
            retained: slot.retained_bytes,
        })
        .collect()
}

/// What is refused is no node of the shard, and a person may have meant it to go.
pub fn advise(standing: &mut Standing, advice: &str) {
    if standing.state != NodeState::Refused {
        return;
    }
    if let Some(first) = standing.findings.first_mut() {
        first.mend = Some(advice.to_owned());
    }
}
