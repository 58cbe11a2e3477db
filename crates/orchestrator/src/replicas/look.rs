//! One look at every node that the project names, for a page or a verb.

use super::{
    arrange::arrange,
    behind::{Behind, compare},
    named::{Named, NamedNode},
    report::{A_CHANCE, NodeReport},
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
    node::{
        Blame, Case, Intake, Lag, NodeName, NodePolicy, NodeRole, NodeSighting, NodeState,
        ReplayState, SeenRole, Standing, Trail, downstreams, judge,
    },
    position::{Position, Reach},
};
use greylag_engines::Target;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// What a shard's primary is called among its nodes.
pub const PRIMARY: &str = "primary";

/// A look that takes longer has failed: a dead host must not hold a page up.
const PATIENCE: Duration = Duration::from_secs(10);

/// So often a replica is looked at again that has not come to where its primary was, for as long as `A_CHANCE`.
const AGAIN: Duration = Duration::from_millis(100);

/// How deep cascades are followed.
const DEPTH: usize = 4;

/// Looks once at the primaries and nodes of all shards that name any (or of those of `only`), a few shards at a time.
///
/// Shards whose project names no nodes are left out: nothing is asked of them.
pub async fn look_at_nodes(setup: &Setup, only: Option<&BTreeSet<ShardName>>) -> Vec<NodeReport> {
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
        .flat_map(|(seen, behind)| stream::iter(report(setup, seen, &behind)))
        .collect()
        .await
}

/// Looks at every shard, then at its nodes: around its primary, which the first look may have found elsewhere than the project
/// says.
pub async fn survey_with_nodes(
    setup: &Setup,
    watcher: &dyn Watcher,
) -> (Result<Surveyed, SurveyError>, Vec<NodeReport>) {
    let surveyed = survey_fleet(setup, None, watcher).await;
    (surveyed, look_at_nodes(setup, None).await)
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
    let primary = look(&*setup.open, arranged.remove(0), None).await;
    let mark = (primary.seen.as_ref().ok()).and_then(|seen| seen.position.as_ref());
    let mut unmapped = Vec::new();
    let mut nodes = Vec::new();
    match named {
        Named::Listed(_) => {
            let looks = others
                .into_iter()
                .map(|node| look(&*setup.open, node, mark));
            nodes = join_all(looks).await;
        }
        Named::Auto => {
            let mut taken = BTreeSet::from([PRIMARY.to_owned()]);
            let mut next = found_at(setup, &primary, &mut taken, &mut unmapped);
            for _ in 0..DEPTH {
                let looks = next.into_iter().map(|node| look(&*setup.open, node, mark));
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

/// One look; a replica that is short of the mark, where its primary was a moment ago, is given a chance to come to it.
async fn look(open: &dyn Open, node: NamedNode, mark: Option<&Position>) -> Looked {
    let seen = tokio::time::timeout(PATIENCE, look_along(open, &node.target, mark))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")));
    Looked { node, seen }
}

async fn look_along(
    open: &dyn Open,
    target: &Target,
    mark: Option<&Position>,
) -> Result<NodeSighting, String> {
    let mut target = target.clone();
    target.application = "greylag/watch".into();
    let observer = open.observe(&target).await.map_err(|why| chain(&why))?;
    let Some(mut observer) = observer else {
        return Err(format!(
            "{} has no replication to look at",
            target.engine.title()
        ));
    };
    let begun = Instant::now();
    let seen = loop {
        let seen = observer.observe().await.map_err(|why| chain(&why));
        let waits = (seen.as_ref().ok().zip(mark)).is_some_and(|(seen, mark)| comes_to(seen, mark));
        if !waits || begun.elapsed() > A_CHANCE {
            break seen;
        }
        tokio::time::sleep(AGAIN).await;
    };
    observer.close().await;
    seen
}

/// A replica that replays, and has not come there yet.
fn comes_to(seen: &NodeSighting, mark: &Position) -> bool {
    let replays = seen.replay.as_ref().is_some_and(|replay| {
        let stands = matches!(
            replay.state,
            ReplayState::Paused | ReplayState::Stopped { .. }
        );
        !stands && replay.delay.is_none_or(|by| by.is_zero())
    });
    let is_short = |here: &Position| here.reaches(mark) == Reach::No;
    seen.role == SeenRole::Replica && replays && seen.position.as_ref().is_some_and(is_short)
}

fn report(setup: &Setup, look: ShardLook, behind: &Behind) -> Vec<NodeReport> {
    let primary = look.primary.seen.as_ref().ok();
    let mut trail = Trail::default();
    if let Some((seen, position)) = primary.and_then(|seen| Some((seen, seen.position.as_ref()?))) {
        trail.note(seen.at, position);
    }
    let peers = proven_peers(&look);
    let max_lag = setup.replication.settings.limits.max_lag;
    let mut reports = Vec::new();
    for Looked { node, seen } in std::iter::once(&look.primary).chain(&look.nodes) {
        let mut standing = match seen {
            Ok(seen) => judge(&Case {
                role: node.role,
                node: seen,
                primary,
                trail: &trail,
                before: None,
                peers: &peers,
                max_lag,
            }),
            Err(error) => unreachable(error.clone()),
        };
        let more = behind.get(&node.node);
        standing
            .findings
            .extend(more.into_iter().flatten().cloned());
        let mut report = NodeReport::new(&node.node, node.role, node.policy.clone(), &standing);
        match seen {
            Ok(seen) => {
                report.address = Some(seen.server.address.clone());
                report.version = Some(seen.server.version.clone());
                report.position = seen.position.clone();
                report.unobservable.clone_from(&seen.unobservable);
            }
            Err(_) => report.address = Some(node.target.address()),
        }
        reports.push(report);
    }
    if let Some(primary) = primary {
        let subscribers = (look.nodes.iter())
            .filter_map(|node| node.seen.as_ref().ok())
            .flat_map(|seen| &seen.subscriptions)
            .filter_map(|subscription| subscription.slot.clone())
            .collect();
        for (slot, standing) in downstreams(primary, &subscribers, &trail) {
            let node = NodeName {
                shard: look.primary.node.node.shard.clone(),
                node: slot.into(),
            };
            // Limits on slots hold a rollout; its reader is nobody's to wait for.
            let (role, policy) = (NodeRole::Downstream, NodePolicy::Observe);
            reports.push(NodeReport::new(&node, role, policy, &standing));
        }
    }
    for lost in look.unmapped {
        let standing = unreachable(lost.why);
        let role = NodeRole::Replica;
        reports.push(NodeReport::new(
            &lost.node,
            role,
            NodePolicy::Guard,
            &standing,
        ));
    }
    reports
}

/// What tells the shard's nodes apart: a cascading replica follows one of them.
pub fn proven_peers(look: &ShardLook) -> Vec<String> {
    let seen = look.nodes.iter().filter_map(|node| node.seen.as_ref().ok());
    seen.map(|seen| seen.own.clone()).collect()
}

fn unreachable(error: String) -> Standing {
    Standing {
        state: NodeState::Unreachable,
        lag: Lag::default(),
        blame: Some(Blame::Unreachable { since: None, error }),
        findings: Vec::new(),
    }
}
