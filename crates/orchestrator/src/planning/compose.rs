//! From what was seen to a plan.

use super::{Ask, PlanningError, settings::settings_digest};
use crate::{
    executor::Scripts,
    journal::KnownShard,
    review::review_pending,
    setup::Setup,
    subscribing::{ask_subscribers, foresee},
    survey::Surveyed,
};
use greylag_core::{
    engine::Engine,
    fleet::ShardName,
    identity::{Proof, Refusal},
    plan::{self, Candidate, Held, HoldReason, Input, Plan, RefusedThere, Seen, Wave},
};
use greylag_lint::FleetFacts;
use std::collections::{BTreeMap, HashMap};

/// What the lint is told of the fleet, by engine.
pub type Facts<'a> = Option<&'a BTreeMap<Engine, FleetFacts>>;

/// The plan without what logical subscribers refuse, and what they make of the rest.
pub async fn compose(
    setup: &Setup,
    surveyed: &Surveyed,
    facts: Facts<'_>,
    ask: &Ask,
    waves: Option<Vec<Wave>>,
    first: Vec<ShardName>,
) -> Result<Plan, PlanningError> {
    let mut refused = RefusedThere::default();
    let make = |refused: &RefusedThere| {
        let (waves, first) = (waves.clone(), first.clone());
        compose_without(setup, surveyed, facts, ask, waves, first, refused)
    };
    let mut plan = make(&refused)?;
    let asked = ask_subscribers(setup, &plan).await;
    // What is held takes others with it, and what those would have made is not there for the next.
    while !asked.is_empty() && !plan.is_empty() {
        // A file that can't be read is told by whoever begins.
        let Ok(scripts) = Scripts::on_disk(&plan, &setup.migrations) else {
            break;
        };
        let foreseen = foresee(&plan, &scripts, &asked);
        if foreseen.refused.is_empty() {
            return Ok(plan.with_subscribers(foreseen.subscribers));
        }
        if ask.undo.is_some() {
            let reasons = foreseen.refused.into_values().flatten();
            return Err(PlanningError::Subscribers(reasons.collect()));
        }
        refused.extend(foreseen.refused);
        plan = make(&refused)?;
    }
    Ok(plan)
}

fn compose_without(
    setup: &Setup,
    surveyed: &Surveyed,
    facts: Facts<'_>,
    ask: &Ask,
    waves: Option<Vec<Wave>>,
    first: Vec<ShardName>,
    refused_there: &RefusedThere,
) -> Result<Plan, PlanningError> {
    check_reached(surveyed, ask)?;
    let claimed = check_refusals(surveyed, ask)?;
    // An undo runs what was reviewed with its version, and is asked for by name.
    let reviewed = match &ask.undo {
        None => review_pending(setup, surveyed, facts),
        Some(_) => None,
    };
    let input = Input {
        project: &setup.fleet.project,
        environment: &setup.fleet.environment,
        shards: candidates(setup, surveyed, &claimed),
        migrations: setup.migrations.files.as_slice(),
        policy: &setup.policy,
        scope: &ask.scope,
        settings: "",
        flyway_table: is_flyways(setup),
        waves,
        first,
        reviewed: reviewed.as_ref(),
        refused_there: Some(refused_there),
    };
    let plan = match &ask.undo {
        Some(target) => plan::undo(&input, target)?,
        None => plan::plan(&input)?,
    };
    let settings = settings_digest(setup, &plan);
    let unreached = Held {
        shards: missing(surveyed, ask)
            .map(|known| known.name.clone())
            .collect(),
        migration: None,
        reasons: vec![HoldReason::Unreachable {
            why: NAMED_NO_MORE.into(),
        }],
    };
    let is_any = !unreached.shards.is_empty();
    Ok(plan
        .with_settings(settings)
        .with_held(is_any.then_some(unreached)))
}

/// Why a shard that was seen before is left out.
pub const NAMED_NO_MORE: &str = "neither the project nor its discovery names it any more";

fn candidates(setup: &Setup, surveyed: &Surveyed, claimed: &[ShardName]) -> Vec<Candidate> {
    let by_name: HashMap<&ShardName, _> = surveyed.shards.iter().map(|s| (&s.name, s)).collect();
    setup
        .fleet
        .shards
        .iter()
        .map(|shard| {
            let name = &shard.shard.name;
            let sighting = by_name.get(name);
            let identity = sighting
                .and_then(|s| s.seen.as_ref().ok())
                .and_then(|seen| seen.survey.identity.as_ref());
            let seen = match sighting {
                None => Seen::Unreachable {
                    why: "it was not looked at".into(),
                },
                Some(sighting) => match (&sighting.seen, sighting.refusals.first()) {
                    (Err(unseen), _) => Seen::Unreachable {
                        why: unseen.why.clone(),
                    },
                    (Ok(_), Some(refusal)) if !claimed.contains(name) => Seen::Refused {
                        refusal: refusal.clone(),
                    },
                    (Ok(seen), _) => Seen::Read {
                        reading: seen.reading.clone(),
                        newcomer: seen.proof == Some(Proof::Empty),
                    },
                },
            };
            Candidate {
                shard: shard.shard.clone(),
                uuid: identity
                    .filter(|identity| identity.project == *setup.fleet.project)
                    .map(|identity| identity.uuid),
                seen,
            }
        })
        .collect()
}

fn in_scope(ask: &Ask, shard: &ShardName) -> bool {
    ask.scope
        .only
        .as_ref()
        .is_none_or(|only| only.contains(shard))
}

/// A shard that can't be reached, or that is expected and named no more, stops everything, unless a person leaves such shards out.
pub fn check_reached(surveyed: &Surveyed, ask: &Ask) -> Result<(), PlanningError> {
    let unreachable: Vec<_> = surveyed
        .unreachable()
        .filter(|(name, _)| in_scope(ask, name))
        .map(|(name, unseen)| (name.clone(), unseen.why.clone()))
        .collect();
    if !unreachable.is_empty() && !ask.skip_unreachable {
        return Err(PlanningError::Unreachable(unreachable));
    }
    let missing: Vec<KnownShard> = missing(surveyed, ask).cloned().collect();
    if !missing.is_empty() && !ask.skip_unreachable {
        return Err(PlanningError::Missing(missing));
    }
    Ok(())
}

/// Once seen, they stay expected: one that is named no more may be a catalog's fault.
fn missing<'a>(surveyed: &'a Surveyed, ask: &'a Ask) -> impl Iterator<Item = &'a KnownShard> {
    (surveyed.missing.iter()).filter(|known| in_scope(ask, &known.name))
}

/// Guards' refusals, all at once. Gives those that `--claim` claims.
pub fn check_refusals(surveyed: &Surveyed, ask: &Ask) -> Result<Vec<ShardName>, PlanningError> {
    let mut unclaimed = Vec::new();
    let mut refused = Vec::new();
    for sighting in surveyed.shards.iter().filter(|s| in_scope(ask, &s.name)) {
        match &sighting.refusals[..] {
            [] => {}
            [Refusal::Unclaimed { .. }] if ask.claim.is_some() => {
                unclaimed.push(sighting.name.clone());
            }
            refusals => refused.extend(refusals.iter().cloned()),
        }
    }
    if !refused.is_empty() {
        return Err(PlanningError::Refused(refused));
    }
    match ask.claim {
        Some(asked) if asked as usize != unclaimed.len() => Err(PlanningError::ClaimCount {
            asked,
            found: unclaimed.len(),
            shards: unclaimed,
        }),
        _ => Ok(unclaimed),
    }
}

/// Those that `--claim` claims.
pub fn claims(surveyed: &Surveyed, ask: &Ask) -> Result<Vec<ShardName>, PlanningError> {
    check_refusals(surveyed, ask)
}

/// Whether histories are in Flyway's own table, which Flyway reads, too.
pub fn is_flyways(setup: &Setup) -> bool {
    setup
        .fleet
        .shards
        .iter()
        .any(|shard| &*shard.target.history_table == "flyway_schema_history")
}
