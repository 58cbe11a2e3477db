//! One look at every node that the project names, for a page or a verb.

use super::{
    arrange::arrange,
    behind::compare,
    earlier::Earlier,
    named::{Named, NamedNode},
    report::{NodeReport, report},
    topology::{Unmapped, children_of},
};
use crate::{
    executor::chain,
    setup::{Open, Setup},
    survey::{SurveyError, Surveyed, survey_fleet},
    watch::Watcher,
};
use futures::{StreamExt, future::join_all, stream};
use greylag_core::{
    fleet::ShardName,
    node::{Intake, NodeName, NodePolicy, NodeRole, NodeSighting},
};
use greylag_engines::Target;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What a shard's primary is called among its nodes.
pub const PRIMARY: &str = "primary";

/// A look that takes longer has failed: a dead host must not hold a page up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How deep cascades are followed.
const DEPTH: usize = 4;

/// Looks once at the primaries and nodes of all shards that name any (or of those of `only`), a few shards at a time.
///
/// Shards whose project names no nodes are left out: nothing is asked of them.
pub async fn look_at_nodes(setup: &Setup, only: Option<&BTreeSet<ShardName>>) -> Vec<NodeReport> {
    look_again(setup, only, &mut Earlier::default()).await
}

async fn look_again(
    setup: &Setup,
    only: Option<&BTreeSet<ShardName>>,
    earlier: &mut Earlier,
) -> Vec<NodeReport> {
    let shards = setup.fleet.shards.iter().filter_map(|shard| {
        let name = &shard.shard.name;
        let named = setup.replication.of_shard(name)?;
        only.is_none_or(|only| only.contains(name))
            .then_some((&shard.target, named))
    });
    let looks = stream::iter(shards)
        .map(|(target, named)| async move {
            let seen = look_at_shard(setup, target, named).await;
            let behind = compare(&*setup.open, &seen).await;
            (seen, behind)
        })
        .buffered(setup.policy.max_in_flight.max(1) as usize);
    looks
        .flat_map(|(seen, behind)| stream::iter(report(setup, seen, &behind, earlier)))
        .collect()
        .await
}

/// Looks at every shard, then at its nodes: around its primary, which the first look may have found elsewhere than the project
/// says. `earlier` is what the looks before saw.
pub async fn survey_with_nodes(
    setup: &Setup,
    watcher: &dyn Watcher,
    earlier: &mut Earlier,
) -> (Result<Surveyed, SurveyError>, Vec<NodeReport>) {
    let surveyed = survey_fleet(setup, None, watcher).await;
    (surveyed, look_again(setup, None, earlier).await)
}

/// What one look at a shard's nodes came to.
pub struct ShardLook {
    pub primary: Looked,
    pub nodes: Vec<Looked>,
    pub unmapped: Vec<Unmapped>,
}

/// A node, and what was seen of it.
pub struct Looked {
    pub node: NamedNode,
    pub seen: Result<NodeSighting, String>,
}

/// Looks at a shard's primary, at the nodes that are listed, or at those that it and they name.
pub async fn look_at_shard(setup: &Setup, target: &Target, named: &Named) -> ShardLook {
    let seat = setup.seats.get(&target.shard);
    let listed: &[NamedNode] = match named {
        Named::Listed(list) => list,
        Named::Auto => &[],
    };
    let mut arranged = arrange(target, seat.as_ref(), listed);
    let others = arranged.split_off(1);
    let primary = look(&*setup.open, arranged.remove(0)).await;
    let mut unmapped = Vec::new();
    let mut nodes = Vec::new();
    match named {
        Named::Listed(_) => {
            let looks = others.into_iter().map(|node| look(&*setup.open, node));
            nodes = join_all(looks).await;
        }
        Named::Auto => {
            let mut taken = BTreeSet::from([PRIMARY.to_owned()]);
            let mut next = found_at(setup, &primary, &mut taken, &mut unmapped);
            for _ in 0..DEPTH {
                let looks = next.into_iter().map(|node| look(&*setup.open, node));
                let looked = join_all(looks).await;
                next = Vec::new();
                for one in looked {
                    next.extend(found_at(setup, &one, &mut taken, &mut unmapped));
                    nodes.push(one);
                }
                if next.is_empty() {
                    break;
                }
            }
        }
    }
    ShardLook {
        primary,
        nodes,
        unmapped,
    }
}

/// The primary of a shard, as a node.
pub fn primary_node(target: &Target) -> NamedNode {
    NamedNode {
        node: NodeName {
            shard: target.shard.clone(),
            node: PRIMARY.into(),
        },
        role: NodeRole::Primary,
        policy: NodePolicy::Guard,
        intake: Intake::default(),
        target: target.clone(),
    }
}

fn found_at(
    setup: &Setup,
    at: &Looked,
    taken: &mut BTreeSet<String>,
    unmapped: &mut Vec<Unmapped>,
) -> Vec<NamedNode> {
    let Ok(seen) = &at.seen else {
        return Vec::new();
    };
    let addresses: &BTreeMap<String, String> = &setup.replication.settings.addresses;
    let (nodes, lost) = children_of(seen, &at.node.target, addresses, taken);
    unmapped.extend(lost);
    nodes
}

async fn look(open: &dyn Open, node: NamedNode) -> Looked {
    let seen = tokio::time::timeout(PATIENCE, look_once(open, &node.target))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")));
    Looked { node, seen }
}

async fn look_once(open: &dyn Open, target: &Target) -> Result<NodeSighting, String> {
    let mut target = target.clone();
    target.application = "greylag/watch".into();
    let observer = open.observe(&target).await.map_err(|why| chain(&why))?;
    let Some(mut observer) = observer else {
        return Err(format!(
            "{} has no replication to look at",
            target.engine.title()
        ));
    };
    let seen = observer.observe().await.map_err(|why| chain(&why));
    observer.close().await;
    seen
}

/// What tells the shard's nodes apart: a cascading replica follows one of them.
pub fn proven_peers(look: &ShardLook) -> Vec<String> {
    let seen = look.nodes.iter().filter_map(|node| node.seen.as_ref().ok());
    seen.map(|seen| seen.own.clone()).collect()
}
