//! What the subscribers of a plan's shards will make of it, before anything of it is touched.

use super::{
    judge::{Judged, judge},
    said::{Said, ask_both, check_said},
};
use crate::{
    executor::{Scripts, refusal},
    fleet::FleetShard,
    replicas::{Named, NamedNode},
    setup::Setup,
};
use futures::{StreamExt, stream};
use greylag_core::{
    history::Reading,
    migration::{MigrationId, Phase},
    node::{Intake, NodeName, NodeRole, Published},
    outcome::{Failure, FailureClass},
    plan::{HoldReason, Plan, RefusedThere, SubscriberShare, Subscribers, There, Turn},
};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};

/// A look that takes longer has failed: a dead host must not hold a plan up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A subscriber, and what was said of it.
pub struct Asked {
    publisher: FleetShard,
    node: NamedNode,
    said: Result<Said, Failure>,
}

/// What subscribers will make of a plan.
#[derive(Debug, Default)]
pub struct Foreseen {
    /// Those that make the same of the same work stand together.
    pub subscribers: Vec<Subscribers>,
    /// What must not go out.
    pub refused: RefusedThere,
}

/// Asks the subscribers of the plan's shards, those that are waited for, and their publishers. Where there are none, nobody is asked.
pub async fn ask_subscribers(setup: &Setup, plan: &Plan) -> Vec<Asked> {
    let now = Timestamp::now();
    let mut wanted: Vec<(FleetShard, NamedNode)> = Vec::new();
    for shard in plan.shards() {
        let Some(Named::Listed(nodes)) = setup.replication.of_shard(&shard.name) else {
            continue;
        };
        let counts =
            |node: &&NamedNode| node.role == NodeRole::Subscriber && node.policy.guards(now);
        for node in nodes.iter().filter(counts) {
            let publisher = setup.seated(&shard.name);
            wanted.extend(publisher.map(|publisher| (publisher, node.clone())));
        }
    }
    stream::iter(wanted)
        .map(|(publisher, node)| async move {
            let said = ask_both(&*setup.open, &publisher.target, &node.target);
            let said = match tokio::time::timeout(PATIENCE, said).await {
                Ok(said) => said,
                Err(_) => Err(Failure {
                    class: FailureClass::Connection,
                    ..refusal(format!("no answer within {PATIENCE:?}"), "")
                }),
            };
            Asked {
                publisher,
                node,
                said,
            }
        })
        .buffered(setup.policy.max_in_flight.max(1) as usize)
        .collect()
        .await
}

/// Judges all of the plan's work there, as executors will.
pub fn foresee(plan: &Plan, scripts: &Scripts, asked: &[Asked]) -> Foreseen {
    let mut foreseen = Foreseen::default();
    let mut cases: Vec<Case<'_>> = Vec::new();
    for one in asked {
        let shard = &one.publisher.shard.name;
        let of_stage = |stage: usize| {
            let ids = plan.work(stage, shard).iter().cloned();
            ids.map(move |id| (stage, id, plan.stages[stage].phase))
        };
        let work: Vec<Piece> = (0..plan.stages.len()).flat_map(of_stage).collect();
        if work.is_empty() {
            continue;
        }
        let name = &one.node.node;
        match judge_one(one, scripts, &work, &mut cases) {
            Ok(judged) => {
                for refused in judged.iter().filter_map(|judged| judged.refused.as_ref()) {
                    let id = refused.migration.iter();
                    id.for_each(|id| foreseen.refuse(id, name, refused));
                }
                let shares = work.iter().zip(&*judged);
                let shares = shares.map(|((stage, ..), judged)| share(*stage, judged, one));
                foreseen.add(name, shares.collect(), None);
            }
            Err(failure) if failure.class == FailureClass::Refused => {
                for (_, id, _) in &work {
                    foreseen.refuse(id, name, &failure);
                }
            }
            Err(failure) => foreseen.add(name, Vec::new(), Some(failure.message)),
        }
    }
    foreseen
}

/// A file of a stage.
type Piece = (usize, MigrationId, Phase);

/// What was judged for one subscriber: many are alike, and the files are read once for all of these.
struct Case<'a> {
    intake: Intake,
    published: &'a Published,
    has: Reading,
    work: Vec<Piece>,
    judged: Arc<Vec<Judged>>,
}

fn judge_one<'a>(
    one: &'a Asked,
    scripts: &Scripts,
    work: &[Piece],
    cases: &mut Vec<Case<'a>>,
) -> Result<Arc<Vec<Judged>>, Failure> {
    let said = one.said.as_ref().map_err(Clone::clone)?;
    check_said(said, &one.publisher.shard.name)?;
    let (published, intake) = (&said.published, one.node.intake);
    let has = scripts.read(&said.history, &one.publisher)?;
    let same = |id: &MigrationId| scripts.is_same_everywhere(id);
    let alike = cases.iter().find(|case| {
        case.intake == intake
            && case.work == work
            && case.has == has
            && case.published == published
            && work.iter().all(|(_, id, _)| same(id))
    });
    if let Some(case) = alike {
        return Ok(case.judged.clone());
    }
    let pieces = work.iter().map(|(_, id, phase)| (id.clone(), *phase));
    let judged = judge(scripts, &one.publisher, pieces, intake, published, &has)?;
    let judged = Arc::new(judged);
    cases.push(Case {
        intake,
        published,
        has,
        work: work.to_vec(),
        judged: judged.clone(),
    });
    Ok(judged)
}

fn share(stage: usize, judged: &Judged, one: &Asked) -> SubscriberShare {
    let left = match one.node.intake {
        Intake::Nothing => vec!["somebody else migrates it".to_owned()],
        Intake::Published | Intake::All => judged.left(one.node.intake),
    };
    SubscriberShare {
        migration: judged.id.clone(),
        stage,
        turn: Turn::of(judged.phase),
        there: match (judged.is_there, judged.share.runs()) {
            (true, _) => There::Applied,
            (false, false) => There::Left { left },
            (false, true) if left.is_empty() => There::Runs,
            (false, true) => There::Part { left },
        },
    }
}

impl Foreseen {
    /// Refused for the same reason at the same place is said once, with all who do.
    fn refuse(&mut self, id: &MigrationId, node: &NodeName, failure: &Failure) {
        let reasons = self.refused.entry(id.clone()).or_default();
        let same = reasons.iter_mut().find_map(|reason| match reason {
            HoldReason::Subscriber {
                nodes, why, place, ..
            } if *why == failure.message && *place == failure.place => Some(nodes),
            _ => None,
        });
        match same {
            Some(nodes) => nodes.push(node.clone()),
            None => reasons.push(HoldReason::Subscriber {
                nodes: vec![node.clone()],
                why: failure.message.clone(),
                place: failure.place.clone(),
                hint: failure.hint.clone().unwrap_or_default(),
            }),
        }
    }

    fn add(&mut self, node: &NodeName, shares: Vec<SubscriberShare>, unseen: Option<String>) {
        let alike = |known: &&mut Subscribers| known.migrations == shares && known.unseen == unseen;
        match self.subscribers.iter_mut().find(alike) {
            Some(known) => known.nodes.push(node.clone()),
            None => self.subscribers.push(Subscribers {
                nodes: vec![node.clone()],
                migrations: shares,
                unseen,
            }),
        }
    }
}
