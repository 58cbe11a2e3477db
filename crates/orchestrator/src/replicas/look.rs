//! One look at every node that the project names, for a page or a verb.

use super::{
    arrange::{FORMER, arrange},
    behind::compare,
    chance::look_by,
    earlier::Earlier,
    named::{Named, NamedNode},
    report::{NodeReport, report},
    roster::{Blind, Changes, Roster, Unmapped},
};
use crate::{
    executor::chain,
    project::ReplicaSettings,
    setup::{Open, Setup},
    survey::{SurveyError, Surveyed, survey_fleet},
    watch::Watcher,
};
use futures::{StreamExt, future::join_all, stream};
use greylag_core::{
    fleet::ShardName,
    identity::Known,
    node::{Intake, NodeName, NodePolicy, NodeRole, NodeSighting},
    position::Position,
};
use greylag_engines::Target;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::sync::OnceCell;

/// What a shard's primary is called among its nodes.
pub const PRIMARY: &str = "primary";

/// A look that takes longer has failed: a dead host must not hold a page up.
const PATIENCE: Duration = Duration::from_secs(10);

/// How deep cascades are followed.
const DEPTH: usize = 4;

/// Looks once at the primaries and nodes of all shards that name any, or whose primaries have a limit (or of those of `only`), a few
/// shards at a time.
///
/// Of others nothing is asked.
pub async fn look_at_nodes(setup: &Setup, only: Option<&BTreeSet<ShardName>>) -> Vec<NodeReport> {
    look_again(setup, only, &mut Earlier::default()).await
}

async fn look_again(
    setup: &Setup,
    only: Option<&BTreeSet<ShardName>>,
    earlier: &mut Earlier,
) -> Vec<NodeReport> {
    let shards = setup.fleet.shards.iter().filter_map(|shard| {
        let named = setup.replication.watched(&shard.shard)?;
        only.is_none_or(|only| only.contains(&shard.shard.name))
            .then_some((&shard.target, named))
    });
    let shards: Vec<(&Target, Named)> = shards.collect();
    let memory = &Memory::default();
    let looks = stream::iter(shards)
        .map(|(target, named)| async move {
            let seen = look_at(setup, target, &named, memory).await;
            let behind = compare(&*setup.open, &seen).await;
            (seen, behind)
        })
        .buffered(setup.policy.max_in_flight.max(1) as usize);
    looks
        .flat_map(|(seen, behind)| stream::iter(report(setup, seen, &behind, earlier)))
        .collect()
        .await
}

/// What is remembered of shards: asked for once, when somebody goes by it.
#[derive(Default)]
struct Memory(OnceCell<Result<BTreeMap<ShardName, Known>, String>>);

impl Memory {
    async fn of(&self, setup: &Setup, shard: &ShardName) -> Result<Option<&Known>, Blind> {
        let ask = || async {
            let known = setup.journal.known(&setup.scope()).await;
            let known = known.map_err(|why| chain(&why))?.into_iter();
            Ok(known.map(|known| (known.name, known.known)).collect())
        };
        match self.0.get_or_init(ask).await {
            Ok(known) => Ok(known.get(shard)),
            Err(why) => Err(Blind {
                why: format!("which nodes it had can't be told: {why}"),
                mend: "mend the state store".into(),
            }),
        }
    }
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
    /// Nodes of which nobody can say who follows them.
    pub(super) blind: BTreeMap<NodeName, Blind>,
}

/// A node, and what was seen of it.
pub struct Looked {
    pub node: NamedNode,
    pub seen: Result<NodeSighting, String>,
    /// What a person can do should it never come back.
    pub(super) advice: Option<String>,
}

/// Looks at a shard's primary, at the nodes that are listed, or at those that it and they name and those that are remembered.
pub async fn look_at_shard(setup: &Setup, target: &Target, named: &Named) -> ShardLook {
    look_at(setup, target, named, &Memory::default()).await
}

async fn look_at(setup: &Setup, target: &Target, named: &Named, memory: &Memory) -> ShardLook {
    let seat = setup.seats.get(&target.shard);
    let listed: &[NamedNode] = match named {
        Named::Listed(list) => list,
        Named::Auto => &[],
    };
    let remembered = match &seat {
        Some(_) if !listed.is_empty() => memory.of(setup, &target.shard).await,
        _ => Ok(None),
    };
    let known = remembered.as_ref().ok().copied().flatten();
    let mut arranged = arrange(target, seat.as_ref(), listed, known);
    match named {
        Named::Listed(_) => {
            let others = arranged.split_off(1);
            let primary = look(&*setup.open, arranged.remove(0), None).await;
            let mark = place_of(&primary);
            let looks = others.into_iter();
            let looks = looks.map(|node| look(&*setup.open, node, mark.as_ref()));
            let mut nodes = join_all(looks).await;
            nodes.retain(|one| !is_home_again(one, &primary));
            let mut blind = BTreeMap::new();
            if let Err(why) = remembered {
                blind.insert(primary.node.node.clone(), why);
            }
            if nodes.iter().any(|one| is_the_primary(one, &primary)) {
                match memory.of(setup, &target.shard).await {
                    Ok(known) => nodes.retain(|one| !steps_aside(one, &primary, known)),
                    Err(why) => drop(blind.insert(primary.node.node.clone(), why)),
                }
            }
            ShardLook {
                primary,
                nodes,
                unmapped: Vec::new(),
                blind,
            }
        }
        Named::Auto => {
            // The old primary is told of where it is remembered to follow.
            arranged.truncate(1);
            let (known, blind) = match memory.of(setup, &target.shard).await {
                Ok(known) => (known, None),
                Err(blind) => (None, Some(blind)),
            };
            let (roster, expected) = Roster::new(arranged, known);
            let mut look = look_at_roster(setup, roster, expected, known).await;
            if let Some(blind) = blind {
                look.blind.insert(look.primary.node.node.clone(), blind);
            }
            look
        }
    }
}

/// Level by level: those that are expected, and those that follow them.
async fn look_at_roster(
    setup: &Setup,
    mut roster: Roster,
    mut expected: Vec<NamedNode>,
    known: Option<&Known>,
) -> ShardLook {
    let settings = &setup.replication.settings;
    let primary = look(&*setup.open, expected.remove(0), None).await;
    let mark = place_of(&primary);
    let mut nodes: Vec<Looked> = Vec::new();
    let mut changes = vec![follow(&mut roster, &primary, settings)];
    for _ in 0..=DEPTH {
        for Changes { gone, new, .. } in changes {
            expected.retain(|node| !gone.contains(&node.node));
            nodes.retain(|looked| !gone.contains(&looked.node.node));
            expected.extend(new);
        }
        let looks = std::mem::take(&mut expected).into_iter();
        let level = join_all(looks.map(|node| look(&*setup.open, node, mark.as_ref()))).await;
        if level.is_empty() {
            break;
        }
        let follows = level.iter().map(|one| follow(&mut roster, one, settings));
        changes = follows.collect();
        nodes.extend(level);
    }
    nodes
        .retain(|one| !roster.only_remembers(&one.node.node) || !steps_aside(one, &primary, known));
    drop_doubles(&roster, &mut nodes);
    for looked in &mut nodes {
        looked.advice = roster.advice(&looked.node.node);
    }
    ShardLook {
        primary,
        nodes,
        unmapped: roster.unmapped().cloned().collect(),
        blind: roster
            .blind()
            .map(|(node, blind)| (node.clone(), blind.clone()))
            .collect(),
    }
}

fn follow(roster: &mut Roster, one: &Looked, settings: &ReplicaSettings) -> Changes {
    let seen = one.seen.as_ref();
    seen.map_or_else(
        |_| Changes::default(),
        |seen| roster.take(&one.node, seen, settings),
    )
}

/// Whether that is the primary, which was this node before: it is shown once.
fn steps_aside(one: &Looked, primary: &Looked, known: Option<&Known>) -> bool {
    let (Ok(seen), Ok(there)) = (&one.seen, &primary.seen) else {
        return false;
    };
    let had = || known.is_some_and(|known| known.has_had(&seen.server, &there.server));
    is_the_primary(one, primary) && had()
}

/// Whether that is the primary by the name that the project has for it, which leads to it again: it is no node of its own.
fn is_home_again(one: &Looked, primary: &Looked) -> bool {
    &*one.node.node.node == FORMER && is_the_primary(one, primary)
}

/// Whether that is the primary, by another name.
fn is_the_primary(one: &Looked, primary: &Looked) -> bool {
    let (Ok(seen), Ok(there)) = (&one.seen, &primary.seen) else {
        return false;
    };
    one.node.role == NodeRole::Replica && seen.is_other_name_of(there)
}

/// A server that is remembered at one place and named at another is shown once.
fn drop_doubles(roster: &Roster, nodes: &mut Vec<Looked>) {
    let mut at = 0;
    while at < nodes.len() {
        let one = &nodes[at];
        let is_double = one.seen.as_ref().is_ok_and(|seen| {
            let others = nodes
                .iter()
                .filter(|other| other.node.node != one.node.node);
            let mut others = others.filter_map(|other| other.seen.as_ref().ok());
            others.any(|other| other.is_one_server(seen))
        });
        match is_double && roster.only_remembers(&one.node.node) {
            true => drop(nodes.remove(at)),
            false => at += 1,
        }
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

/// Where it was when it was looked at.
fn place_of(primary: &Looked) -> Option<Position> {
    primary.seen.as_ref().ok()?.position.clone()
}

async fn look(open: &dyn Open, node: NamedNode, mark: Option<&Position>) -> Looked {
    let seen = tokio::time::timeout(PATIENCE, look_once(open, &node.target, mark))
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")));
    Looked {
        node,
        seen,
        advice: None,
    }
}

async fn look_once(
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
    let seen = look_by(&mut *observer, mark).await;
    observer.close().await;
    seen
}

/// What tells the shard's nodes apart: a cascading replica follows one of them.
pub fn proven_peers(look: &ShardLook) -> Vec<String> {
    let seen = look.nodes.iter().filter_map(|node| node.seen.as_ref().ok());
    seen.map(|seen| seen.own.clone()).collect()
}
