//! Which of a shard's servers follow its primary: one of them may be promoted, and is no stranger then.

use super::{judge::Look, seek::Found};
use crate::setup::Open;
use futures::future::join_all;
use greylag_core::{
    identity::Known,
    node::{Case, NodeRole, NodeSighting, NodeState, Trail, follows, judge},
    survey::{Role, Server, Survey},
};
use greylag_engines::Target;
use std::time::Duration;

/// How far behind it is proves nothing.
const ANY_LAG: Duration = Duration::from_secs(u32::MAX as u64);

/// A look at a node that takes longer proves nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Those that were seen to follow somebody.
pub fn replicas_of(looks: &[Look]) -> Vec<(Target, Survey)> {
    let seen = looks
        .iter()
        .filter_map(|look| Some((look.target.clone(), look.seen.as_ref().ok()?.clone())));
    seen.filter(|(_, survey)| survey.role == Role::Replica)
        .collect()
}

/// Those of them that belong to this primary. Where servers of a shard share a lineage, that says so; where each has its own, both
/// are asked whom they follow, once: what is remembered is not asked again. A server that was the primary itself is always asked,
/// and is among them only if changes are seen to come in from this one.
pub async fn followers_of(
    open: &dyn Open,
    primary: &Found,
    replicas: Vec<(Target, Survey)>,
    known: Option<&Known>,
) -> Vec<Server> {
    let uuid = |survey: &Survey| survey.identity.as_ref().map(|identity| identity.uuid);
    let there = &primary.survey.server;
    // Who was the primary until this look is deposed by it.
    let known = known.cloned().map(|mut known| {
        known.prove_primary(there);
        known
    });
    let is_deposed = |here: &Server| known.as_ref().is_some_and(|known| known.is_deposed(here));
    let is_node = |here: &Server| {
        let remembered = known.iter().flat_map(|known| &known.nodes);
        here.lineage == there.lineage && here.database == there.database
            || remembered.into_iter().any(|node| node.is(here))
    };
    let own: Vec<_> = (replicas.into_iter())
        .filter(|(_, survey)| uuid(survey) == uuid(&primary.survey))
        .collect();
    let mut followers: Vec<Server> = own
        .iter()
        .map(|(_, survey)| &survey.server)
        .filter(|here| is_node(here) && !is_deposed(here))
        .cloned()
        .collect();
    if followers.len() == own.len() {
        return followers;
    }
    let Some(sighting) = observe(open, &primary.target).await else {
        return followers;
    };
    let targets = own.iter().map(|(target, _)| target);
    let seen: Vec<_> = join_all(targets.map(|target| observe(open, target))).await;
    let chained = chained_to(&sighting, seen.iter().flatten());
    for ((_, survey), seen) in own.iter().zip(&seen) {
        let (here, Some(seen)) = (&survey.server, seen) else {
            continue;
        };
        let is_new = match is_deposed(here) {
            true => chained.iter().any(|one| std::ptr::eq(*one, seen)),
            false => !is_node(here) && is_replica(&sighting, seen),
        };
        if is_new {
            followers.push(here.clone());
        }
    }
    followers
}

/// Those of the primaries that were which the server that took their place is seen to follow now: the shard was handed back.
pub async fn handed_back(open: &dyn Open, known: Option<&Known>, looks: &[Look]) -> Vec<Server> {
    let seen = |look: &Look, role: Role| {
        let survey = look.seen.as_ref().ok().filter(|seen| seen.role == role)?;
        Some((look.target.clone(), survey.server.clone()))
    };
    let Some(known) = known else {
        return Vec::new();
    };
    let replicas: Vec<_> = looks
        .iter()
        .filter_map(|look| seen(look, Role::Replica))
        .collect();
    let writable = looks.iter().filter_map(|look| seen(look, Role::Primary));
    let deposed: Vec<_> = writable
        .filter(|(_, server)| known.is_deposed(server))
        .collect();
    let last = replicas
        .iter()
        .position(|(_, server)| known.is_primary(server));
    let (Some(last), false) = (last, deposed.is_empty()) else {
        return Vec::new();
    };
    let targets = replicas.iter().map(|(target, _)| target);
    let followers = join_all(targets.map(|target| observe(open, target))).await;
    let Some(last) = &followers[last] else {
        return Vec::new();
    };
    let mut handed = Vec::new();
    for (target, server) in deposed {
        if let Some(primary) = observe(open, &target).await
            && (chained_to(&primary, followers.iter().flatten()).into_iter())
                .any(|one| std::ptr::eq(one, last))
        {
            handed.push(server);
        }
    }
    handed
}

/// Those that follow the primary, or one that does.
fn chained_to<'a>(
    primary: &'a NodeSighting,
    nodes: impl Iterator<Item = &'a NodeSighting>,
) -> Vec<&'a NodeSighting> {
    let mut left: Vec<&NodeSighting> = nodes.collect();
    let mut found: Vec<&NodeSighting> = Vec::new();
    loop {
        let is_next = |node: &&NodeSighting| {
            let mut upstream = std::iter::once(primary).chain(found.iter().copied());
            upstream.any(|one| follows(node, one))
        };
        let (next, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(is_next);
        if next.is_empty() {
            return found;
        }
        found.extend(next);
        left = rest;
    }
}

/// Whether it is set up as the primary's replica, whether or not changes come in now.
fn is_replica(primary: &NodeSighting, node: &NodeSighting) -> bool {
    let standing = judge(&Case {
        role: NodeRole::Replica,
        node,
        primary: Some(primary),
        trail: &Trail::default(),
        before: None,
        peers: &[],
        max_lag: ANY_LAG,
    });
    !matches!(
        standing.state,
        NodeState::Refused | NodeState::Unobservable | NodeState::Unreachable
    )
}

async fn observe(open: &dyn Open, target: &Target) -> Option<NodeSighting> {
    let look = async {
        let mut observer = open.observe(target).await.ok().flatten()?;
        let seen = observer.observe().await.ok();
        observer.close().await;
        seen
    };
    tokio::time::timeout(PATIENCE, look).await.ok().flatten()
}
