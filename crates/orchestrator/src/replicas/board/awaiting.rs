//! What a shard's nodes are to replay, which of them have, and what there is to tell of it.

use super::{
    Awaited, Board, News, Shows, patience,
    shard::{Node, ShardNodes, blame_of, is_required, left_out},
};
use crate::project::{Expected, ReplicaSettings};
use greylag_core::{
    fleet::ShardName,
    gate::WaitReason,
    node::{NodeName, NodeRole, NodeState, Standing},
    position::Reach,
};
use jiff::Timestamp;
use std::sync::Arc;
use tokio::time::Instant;

/// So many nodes stand in a reason; the count says the rest.
const NAMED: usize = 5;

impl Board {
    /// Whether work on the shard is done only once nodes have replayed it.
    pub fn waits_for(&self, shard_name: &ShardName) -> bool {
        self.settings.wait != Expected::None
            && self.shards.get(shard_name).is_some_and(|shard| {
                let now = Timestamp::now();
                let mut nodes = shard.nodes.values();
                let counts = |node: &Node| {
                    node.named.role != NodeRole::Primary
                        && !node.aside
                        && node.named.policy.guards(now)
                };
                !shard.knows_its_nodes()
                    || nodes.any(counts)
                    || shard.too_few(shard_name, &self.settings, now).is_some()
            })
    }

    /// From now on the shard's nodes are to replay its work.
    pub fn wait_for(&mut self, shard: &ShardName, awaited: Awaited) {
        if let Some(found) = self.shards.get_mut(shard) {
            found
                .nodes
                .values_mut()
                .for_each(|node| node.replayed = false);
            (found.looks, found.later) = (0, None);
            found.weighed = false;
            found.awaited = Some((awaited, Instant::now(), false));
        }
    }

    pub fn waits(&self, shard: &ShardName) -> bool {
        self.shards
            .get(shard)
            .is_some_and(|shard| shard.awaited.is_some())
    }

    /// A look at the node that began then is over, whatever came of it.
    pub fn looked(&mut self, name: &NodeName, begun: Instant) {
        if let Some(node) = self.node(name) {
            node.looked = Some(begun);
        }
    }

    /// Whether the shard is waited for, and not all who count have been looked at since, or what was seen has not been weighed yet: nobody
    /// knows how it stands. Not for longer than a look and its beginning may take.
    pub fn is_unlooked(&self, shard: &ShardName) -> bool {
        let Some(shard) = self.shards.get(shard) else {
            return false;
        };
        let Some((_, since, _)) = &shard.awaited else {
            return false;
        };
        if since.elapsed() > patience(self.settings.poll) * 2 {
            return false;
        }
        !shard.weighed || !was_looked_at(shard, *since, &self.settings)
    }

    /// The shard is not waited for any longer.
    pub fn forget(&mut self, shard: &ShardName) {
        if let Some(found) = self.shards.get_mut(shard) {
            found.awaited = None;
        }
    }

    /// What this node has to show, where its position says that it may: the history is asked for then.
    pub fn to_show(&self, name: &NodeName) -> Option<Shows> {
        let shard = self.shards.get(&name.shard)?;
        let (awaited, _, _) = shard.awaited.as_ref()?;
        let node = shard.nodes.get(name)?;
        let refused = |standing: &Standing| standing.state == NodeState::Refused;
        // A subscriber has a history of its own, and was given its part before or will be after: its rows are what is waited for.
        let counts = node.named.role == NodeRole::Replica;
        if node.replayed || !counts || node.standing.as_ref().is_none_or(refused) {
            return None;
        }
        let here = node.before.as_ref()?.0.position.as_ref();
        let reached = match (&awaited.position, here) {
            (Some(wanted), Some(here)) => here.reaches(wanted),
            // Without a position the content alone can tell.
            _ => Reach::Incomparable,
        };
        (reached != Reach::No).then(|| awaited.shows.clone())
    }

    /// The node shows all of this. An answer may come late: what was waited for when it was asked for need not be what is waited for now.
    pub fn shown(&mut self, name: &NodeName, shows: &Shows) {
        let Some(shard) = self.shards.get_mut(&name.shard) else {
            return;
        };
        let awaited = shard.awaited.as_ref();
        let is_it = awaited.is_some_and(|(awaited, _, _)| Arc::ptr_eq(&awaited.shows, shows));
        if let Some(node) = shard.nodes.get_mut(name).filter(|_| is_it) {
            node.replayed = true;
        }
    }

    /// Where shards that are waited for stand: replayed, overdue for the first time, or still waiting.
    pub fn news(&mut self) -> Vec<News> {
        let now = Timestamp::now();
        let settings = self.settings.clone();
        let mut news: Vec<News> = self.untold.drain(..).collect();
        let promoted = self.shards.iter().filter(|(_, shard)| shard.was_promoted());
        news.extend(promoted.map(|(name, _)| News::Promoted {
            shard: name.clone(),
        }));
        for node in (self.shards.values_mut()).flat_map(|shard| shard.nodes.values_mut()) {
            news.extend(left_out(node, &settings, now));
        }
        for (name, shard) in &mut self.shards {
            let since = shard.awaited.as_ref().map(|(_, since, _)| *since);
            shard.weighed = since.is_some_and(|since| was_looked_at(shard, since, &settings));
            let knows_its_nodes = shard.knows_its_nodes();
            let too_few = shard.too_few(name, &settings, now);
            let Some((awaited, since, told)) = &mut shard.awaited else {
                continue;
            };
            let stage = awaited.stage;
            let required: Vec<&Node> = shard
                .nodes
                .values()
                .filter(|node| is_required(node, &settings, now))
                .collect();
            let missing: Vec<&Node> = required
                .iter()
                .copied()
                .filter(|node| !node.replayed)
                .collect();
            let replayed = required.len() - missing.len();
            let enough = knows_its_nodes
                && too_few.is_none()
                && match settings.wait {
                    Expected::All => missing.is_empty(),
                    Expected::Number(number) => replayed >= number as usize,
                    Expected::None => true,
                };
            if enough {
                shard.awaited = None;
                news.push(News::Replayed {
                    stage,
                    shard: name.clone(),
                });
                continue;
            }
            let names = || missing.iter().map(|node| node.named.node.clone());
            if !*told && since.elapsed() >= settings.timeout {
                *told = true;
                news.push(News::Overdue {
                    stage,
                    shard: name.clone(),
                    nodes: names().collect(),
                });
            }
            let lacks = shard.lacking.iter().filter(|_| shard.auto);
            let mut reasons: Vec<WaitReason> = lacks
                .map(|why| WaitReason::NoReplicas {
                    shard: name.clone(),
                    why: why.clone(),
                })
                .collect();
            reasons.extend(too_few);
            if !missing.is_empty() {
                reasons.push(WaitReason::Replay {
                    nodes: names().take(NAMED).collect(),
                    count: missing.len() as u32,
                    blame: missing.iter().find_map(|node| blame_of(node)),
                });
            }
            news.push(News::Waits {
                stage,
                shard: name.clone(),
                reasons,
            });
        }
        news
    }
}

/// Whether all of the shard's nodes who count have been looked at since.
fn was_looked_at(shard: &ShardNodes, since: Instant, settings: &ReplicaSettings) -> bool {
    let now = Timestamp::now();
    let counts =
        |node: &&Node| node.named.role == NodeRole::Primary || is_required(node, settings, now);
    let mut counted = shard.nodes.values().filter(counts);
    counted.all(|node| node.looked.is_some_and(|begun| begun >= since))
}
