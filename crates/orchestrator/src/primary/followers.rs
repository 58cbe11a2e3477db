//! Which of a shard's servers follow its primary: one of them may be promoted, and is no stranger then.

use super::{judge::Look, seek::Found};
use crate::setup::Open;
use greylag_core::{
    identity::Known,
    node::{Case, NodeRole, NodeSighting, NodeState, Trail, judge},
    survey::{Role, Server, Survey},
};
use greylag_engines::Target;
use std::time::Duration;

/// How far behind it is proves nothing.
const ANY_LAG: Duration = Duration::from_secs(u32::MAX as u64);

/// Those that were seen to follow somebody.
pub fn replicas_of(looks: &[Look]) -> Vec<(Target, Survey)> {
    let seen = looks
        .iter()
        .filter_map(|look| Some((look.target.clone(), look.seen.as_ref().ok()?.clone())));
    seen.filter(|(_, survey)| survey.role == Role::Replica)
        .collect()
}

/// Those of them that follow this primary. Where servers of a shard share a lineage, that says so; where each has its own, both
/// are asked whom they follow, once: what is remembered is not asked again.
pub async fn followers_of(
    open: &dyn Open,
    primary: &Found,
    replicas: Vec<(Target, Survey)>,
    known: Option<&Known>,
) -> Vec<Server> {
    let uuid = |survey: &Survey| survey.identity.as_ref().map(|identity| identity.uuid);
    let mut followers = Vec::new();
    let mut sighting: Option<NodeSighting> = None;
    for (target, survey) in replicas {
        if uuid(&survey) != uuid(&primary.survey) {
            continue;
        }
        let (here, there) = (&survey.server, &primary.survey.server);
        let is_known =
            |known: &Known| known.nodes.iter().any(|node| node.is(here)) && !known.is_deposed(here);
        let is_of_lineage = here.lineage == there.lineage && here.database == there.database;
        if is_of_lineage || known.is_some_and(is_known) {
            followers.push(survey.server);
            continue;
        }
        if sighting.is_none() {
            sighting = observe(open, &primary.target).await;
        }
        if let Some(primary) = &sighting
            && let Some(node) = observe(open, &target).await
            && follows(primary, &node)
        {
            followers.push(survey.server);
        }
    }
    followers
}

fn follows(primary: &NodeSighting, node: &NodeSighting) -> bool {
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
    let mut observer = open.observe(target).await.ok().flatten()?;
    let seen = observer.observe().await.ok();
    observer.close().await;
    seen
}
