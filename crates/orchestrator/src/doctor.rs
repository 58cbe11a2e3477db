//! Connects everywhere and says what stands in the way: privileges, poolers, settings.

use crate::{
    executor::{chain, hint_of, reach},
    fleet::FleetShard,
    primary::Sought,
    replicas::{NodeReport, look_at_nodes},
    setup::Setup,
    watch::{Notice, Watcher},
};
use futures::{StreamExt, stream};
use greylag_core::{
    fleet::ShardName,
    node::{Blame, NodeName, NodeState, Severity, Unobservable},
};
use greylag_engines::{Diagnosis, Level, OpenError};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct ShardDiagnosis {
    pub shard: ShardName,
    pub address: String,
    /// A shard that can't be reached has one of level `problem`.
    pub lines: Vec<Diagnosis>,
    /// What watching its nodes lacks, the primary among them; empty where the project names none.
    pub nodes: Vec<NodeDiagnosis>,
}

/// What stands in the way of watching a node.
#[derive(Clone, Debug, Serialize)]
pub struct NodeDiagnosis {
    /// `shard/node`.
    pub node: NodeName,
    pub address: Option<String>,
    pub lines: Vec<Diagnosis>,
}

impl ShardDiagnosis {
    /// What was found on the shard and on its nodes.
    pub fn all_lines(&self) -> impl Iterator<Item = &Diagnosis> {
        let of_nodes = self.nodes.iter().flat_map(|node| &node.lines);
        self.lines.iter().chain(of_nodes)
    }
}

/// One entry per shard, in the fleet's order.
pub async fn diagnose_fleet(setup: &Setup, watcher: &dyn Watcher) -> Vec<ShardDiagnosis> {
    let total = setup.fleet.shards.len();
    let mut looks = stream::iter(0..total)
        .map(|at| async move { (at, diagnose(setup, &setup.fleet.shards[at]).await) })
        .buffer_unordered(setup.policy.max_in_flight.max(1) as usize);
    let mut found: Vec<(usize, ShardDiagnosis)> = Vec::with_capacity(total);
    while let Some((at, diagnosis)) = looks.next().await {
        watcher.notice(&Notice::Surveyed {
            done: found.len() + 1,
            total,
            shard: diagnosis.shard.clone(),
            unreachable: None,
        });
        found.push((at, diagnosis));
    }
    found.sort_by_key(|(at, _)| *at);
    let mut found: Vec<_> = found.into_iter().map(|(_, diagnosis)| diagnosis).collect();
    for node in look_at_nodes(setup, None).await {
        if let Some(shard) = found.iter_mut().find(|shard| shard.shard == node.shard) {
            shard.nodes.push(of_node(&node));
        }
    }
    found
}

async fn diagnose(setup: &Setup, shard: &FleetShard) -> ShardDiagnosis {
    let mut lines = find(setup, shard).await;
    let mut target = setup.seats.seated(shard).target;
    target.application = "greylag/doctor".into();
    match reach(&*setup.open, &target, setup.policy.retry, None, || false).await {
        Ok(mut session) => {
            let said = session.diagnose().await;
            session.close().await;
            lines.extend(said.unwrap_or_else(|error| vec![problem(chain(&error), None)]));
        }
        // Whoever is not let in can't say which of the servers is the primary either.
        Err(error @ OpenError::Login { .. }) => {
            lines = vec![problem(chain(&error), hint_of(&error))];
        }
        Err(error) => lines.push(problem(chain(&error), hint_of(&error))),
    };
    ShardDiagnosis {
        shard: shard.shard.name.clone(),
        address: target.address(),
        lines,
        nodes: Vec::new(),
    }
}

/// Looks at all of the shard's servers, where it has several, for the one that is its primary.
async fn find(setup: &Setup, shard: &FleetShard) -> Vec<Diagnosis> {
    let seeker = setup.seeker();
    let mut named = shard.target.clone();
    named.application = "greylag/doctor".into();
    let known = match seeker.known(&shard.shard.name).await {
        Ok(known) => known.map(|known| known.known),
        Err(error) => return vec![problem(chain(&error), None)],
    };
    if !seeker.has_choice(&named, known.as_ref()) {
        return Vec::new();
    }
    match seeker.seek(&named, known.as_ref()).await {
        Sought::Found(found) => {
            seeker.take_seat(&named, &found);
            let is_elsewhere =
                named.each_host().is_empty() && found.target.address() != named.address();
            let elsewhere = Diagnosis {
                level: Level::Warning,
                what: format!(
                    "its primary is {}, and the project names {}",
                    found.target.address(),
                    named.address()
                ),
                mend: Some("correct `primary`, and list under `replicas` who follows now".into()),
            };
            is_elsewhere.then_some(elsewhere).into_iter().collect()
        }
        Sought::Refused { refusal, .. } => vec![problem(refusal.to_string(), Some(refusal.hint()))],
        Sought::Nowhere {
            said,
            writable: None,
        } => vec![problem(
            format!("none of its servers is its primary: {}", said.join("; ")),
            Some("promote one, or bring the primary back".into()),
        )],
        // A shard that is not claimed yet, or not believed: whoever begins a rollout says so.
        Sought::Nowhere {
            writable: Some(writable),
            ..
        } => {
            if !named.each_host().is_empty() {
                setup.seats.set(writable.target);
            }
            Vec::new()
        }
    }
}

/// What can't be seen is a problem where it keeps the node from being judged: a rollout would wait for it for ever.
fn of_node(node: &NodeReport) -> NodeDiagnosis {
    let blind = matches!(node.state, NodeState::Unobservable);
    let unseen = |level, lacks: &Unobservable| Diagnosis {
        level,
        what: format!("{} can't be seen", lacks.what),
        mend: Some(format!("{};", lacks.mend.trim_end_matches(';'))),
    };
    let level = match blind {
        true => Level::Problem,
        false => Level::Warning,
    };
    // What a finding has a statement for is said once.
    let is_said = |lacks: &&Unobservable| {
        let mends = node.findings.iter().filter_map(|found| found.mend.as_ref());
        mends.into_iter().any(|mend| mend.contains(&lacks.mend))
    };
    let mut lines: Vec<_> = (node.unobservable.iter())
        .filter(|lacks| !is_said(lacks))
        .map(|lacks| unseen(level, lacks))
        .collect();
    if let Some(Blame::Unreachable { error, .. }) = &node.blame {
        lines.push(problem(format!("it can't be looked at: {error}"), None));
    }
    lines.extend(node.findings.iter().map(|finding| Diagnosis {
        level: match finding.severity {
            Severity::Problem => Level::Problem,
            Severity::Warning => Level::Warning,
        },
        what: finding.text.clone(),
        mend: finding.mend.clone(),
    }));
    if lines.is_empty() {
        lines.push(Diagnosis {
            level: Level::Good,
            what: "all that watching it needs can be seen".into(),
            mend: None,
        });
    }
    NodeDiagnosis {
        node: node.node(),
        address: node.address.clone(),
        lines,
    }
}

fn problem(what: String, mend: Option<String>) -> Diagnosis {
    Diagnosis {
        level: Level::Problem,
        what,
        mend,
    }
}
