//! From what was seen to a plan, and what an unfinished rollout makes of it.

use crate::{
    executor::{Scripts, placeholders},
    facts,
    fleet::FleetShard,
    journal::{JournalError, RolloutRow},
    review::{new_migrations, review_pending},
    setup::Setup,
    steering::{self, SteerError},
    subscribing::{ask_subscribers, foresee},
    survey::Surveyed,
    watch::Blind,
};
use greylag_core::{
    engine::Engine,
    fleet::ShardName,
    history::Reading,
    identity::{Proof, Refusal},
    migration::MigrationId,
    plan::{
        self, Candidate, ChangedFile, HoldReason, Input, Plan, PlanError, RefusedThere, Resume,
        Seen, UndoTarget, Wave,
    },
    policy::Scope,
    rollout::{Progress, Rollout},
};
use greylag_lint::FleetFacts;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// What a person asked of this run.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// `--to`, `--only`.
    pub scope: Scope,
    /// `--claim N`: so many databases with tables and no identity are expected, and claimed.
    pub claim: Option<u32>,
    /// `--skip-unreachable`: shards that can't be reached are left out, and reported as unreached.
    pub skip_unreachable: bool,
    /// Plan backward instead (`greylag undo`).
    pub undo: Option<UndoTarget>,
}

/// What `apply` would do.
#[derive(Clone, Debug)]
pub enum Prospect {
    /// A new rollout of this plan. A plan without stages means that there is nothing to do.
    Fresh { plan: Arc<Plan> },
    /// An unfinished rollout goes on with the plan it has. `new` files wait for the plan after it: apply again.
    Continue {
        rollout: String,
        plan: Arc<Plan>,
        new: Vec<MigrationId>,
    },
    /// Files changed while something was in flight: that is settled first, then it is looked again. The plan is what comes
    /// of it as far as can be seen now.
    SettleFirst {
        rollout: String,
        plan: Arc<Plan>,
        shards: Vec<ShardName>,
    },
    /// An unfinished rollout ends as superseded, and this plan is its successor.
    Supersede {
        rollout: String,
        why: String,
        plan: Arc<Plan>,
    },
}

impl Prospect {
    pub fn plan(&self) -> &Arc<Plan> {
        match self {
            Prospect::Fresh { plan }
            | Prospect::Continue { plan, .. }
            | Prospect::SettleFirst { plan, .. }
            | Prospect::Supersede { plan, .. } => plan,
        }
    }
}

/// No plan can be made of what was seen. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum PlanningError {
    #[error("{} can't be reached: {}", list(.0.iter().map(|(name, _)| name)), .0.first().map_or(String::new(), |(_, why)| why.replacen(" can't be reached", "", 1)))]
    Unreachable(Vec<(ShardName, String)>),
    #[error("{}", refusals(.0))]
    Refused(Vec<Refusal>),
    #[error("--claim {asked}, but {found} databases have tables and no identity: {}", list(.shards.iter()))]
    ClaimCount {
        asked: u32,
        found: usize,
        shards: Vec<ShardName>,
    },
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A planned file of an unfinished rollout changed or went, and some shard has it.
    #[error(transparent)]
    Changed(PlanError),
    #[error(
        "the placeholders, the session SQL or the history table changed since rollout {rollout} began"
    )]
    SettingsChanged { rollout: String },
    /// Work of an unfinished rollout whose outcome nobody knows can't be looked at.
    #[error("what became of {} in rollout {rollout} is not known, and can't be found out now", list(.shards.iter()))]
    Unsettled {
        rollout: String,
        shards: Vec<ShardName>,
        #[source]
        why: Box<PlanningError>,
    },
    /// An undo that subscribers can't take.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Subscribers(Vec<HoldReason>),
    /// An unfinished rollout leads elsewhere than what is asked for.
    #[error("rollout {rollout} is unfinished, and is taken up first: {asked}")]
    OtherWay { rollout: String, asked: String },
    #[error("the unfinished rollout can't be read")]
    Rollout(#[source] Box<SteerError>),
    #[error("the journal can't be read")]
    Journal(#[from] JournalError),
}

/// Decides what `apply` would do: takes up what is unfinished, or plans anew.
pub async fn look_ahead(
    setup: &Setup,
    surveyed: &Surveyed,
    ask: &Ask,
) -> Result<Prospect, PlanningError> {
    check_scope(setup, ask)?;
    let facts = look_closer(setup, surveyed, ask).await;
    let facts = facts.as_ref();
    let Some(row) = unfinished(setup).await? else {
        let plan = Arc::new(compose(setup, surveyed, facts, ask, None, Vec::new()).await?);
        return Ok(Prospect::Fresh { plan });
    };
    let recorded = steering::show(setup, Some(&row.id))
        .await
        .map_err(|why| PlanningError::Rollout(Box::new(why)))?;
    if recorded.events.is_empty() {
        // Begun, and killed before its first event: nothing came of it. It is ended when the next one begins.
        let plan = Arc::new(compose(setup, surveyed, facts, ask, None, Vec::new()).await?);
        return Ok(Prospect::Fresh { plan });
    }
    let readings: HashMap<ShardName, Arc<Reading>> = surveyed
        .shards
        .iter()
        .filter_map(|s| Some((s.name.clone(), s.seen.as_ref().ok()?.reading.clone())))
        .collect();
    check_direction(&row.id, &recorded.plan, ask)?;
    check_outstanding(&recorded.state, surveyed, ask)
        .map_err(|why| unsettled(&row.id, &recorded.state, why))?;
    let files = setup.migrations.files.as_slice();
    match plan::resume(&recorded.state, files, &readings) {
        Resume::Continue => go_on(setup, row.id, recorded.plan, Vec::new()),
        Resume::ContinueThenPlanAnew { new } => go_on(setup, row.id, recorded.plan, new),
        Resume::SettleFirst {
            shards,
            waves,
            first,
        } => {
            let plan = compose(setup, surveyed, facts, ask, Some(waves), first).await?;
            Ok(Prospect::SettleFirst {
                rollout: row.id,
                plan: Arc::new(plan),
                shards,
            })
        }
        Resume::Supersede {
            waves,
            first,
            differences,
        } => {
            let why = differences
                .iter()
                .map(|d| {
                    let what = if d.gone { "is gone" } else { "changed" };
                    format!("the file of {} {what}", d.migration)
                })
                .collect::<Vec<_>>()
                .join(", ");
            let plan = compose(setup, surveyed, facts, ask, Some(waves), first).await?;
            Ok(Prospect::Supersede {
                rollout: row.id,
                why,
                plan: Arc::new(plan),
            })
        }
        Resume::Refuse { changed } => Err(changed_error(changed)),
    }
}

/// What the lint is told of the fleet, by engine.
type Facts<'a> = Option<&'a BTreeMap<Engine, FleetFacts>>;

/// Sizes, versions and standbys, where the project wants the review to know them and there is something to review.
async fn look_closer(
    setup: &Setup,
    surveyed: &Surveyed,
    ask: &Ask,
) -> Option<BTreeMap<Engine, FleetFacts>> {
    let wanted = setup.lint.as_ref().is_some_and(|lint| lint.fleet);
    if !wanted || ask.undo.is_some() || new_migrations(surveyed).is_empty() {
        return None;
    }
    let gathered = facts::gather(setup, ask.scope.only.as_ref(), &Blind).await;
    for one in gathered.dark() {
        let (shard, why) = (&one.shard, &one.why);
        tracing::warn!("the lint does not know the sizes of {shard}: {why}");
    }
    Some(gathered.facts)
}

/// An unfinished rollout is gone on with only where it leads to what is asked for now: forward is no undo, and
/// what lies beyond `--to` is not wanted.
fn check_direction(rollout: &str, plan: &Plan, ask: &Ask) -> Result<(), PlanningError> {
    let other = |asked: String| {
        Err(PlanningError::OtherWay {
            rollout: rollout.to_owned(),
            asked,
        })
    };
    let ids = || plan.migrations.iter().map(|planned| &planned.id);
    let undoes = ids().any(|id| matches!(id, MigrationId::Undo(_)));
    if ask.undo.is_some() && !undoes {
        return other("it goes forward, and an undo is asked for".into());
    }
    let beyond = match (&ask.undo, &ask.scope.to) {
        (Some(UndoTarget::BackTo(to)), _) => ids()
            .filter(|id| id.version().is_some_and(|version| version <= to))
            .min()
            .map(|id| (id, to)),
        (None, Some(to)) if !undoes => ids()
            .filter(|id| id.version().is_some_and(|version| version > to))
            .max()
            .map(|id| (id, to)),
        _ => None,
    };
    match beyond {
        Some((id, to)) => other(format!("it goes as far as {id}, beyond `--to {to}`")),
        None => Ok(()),
    }
}

fn go_on(
    setup: &Setup,
    rollout: String,
    plan: Arc<Plan>,
    new: Vec<MigrationId>,
) -> Result<Prospect, PlanningError> {
    if plan.settings != settings_digest(setup, &plan) {
        return Err(PlanningError::SettingsChanged { rollout });
    }
    Ok(Prospect::Continue { rollout, plan, new })
}

/// Of an unfinished rollout, the shards that have something left to do must be there and be who they were.
fn check_outstanding(state: &Rollout, surveyed: &Surveyed, ask: &Ask) -> Result<(), PlanningError> {
    let plan = state.plan();
    let has_more = |name: &ShardName| {
        let mut stages = 0..plan.stages.len();
        stages.any(|stage| {
            matches!(
                state.shard_progress(stage, name),
                Some(
                    Progress::Pending
                        | Progress::Running { .. }
                        | Progress::Unknown { .. }
                        | Progress::Failed
                )
            )
        })
    };
    let outstanding = Surveyed {
        shards: surveyed
            .shards
            .iter()
            .filter(|sighting| has_more(&sighting.name))
            .cloned()
            .collect(),
        ..Surveyed::default()
    };
    check_reached(&outstanding, ask)?;
    check_refusals(
        &outstanding,
        &Ask {
            claim: None,
            ..ask.clone()
        },
    )?;
    Ok(())
}

/// The same error, and beside it what nobody knows because of it.
fn unsettled(rollout: &str, state: &Rollout, why: PlanningError) -> PlanningError {
    let shards: Vec<ShardName> = state.in_flight().cloned().collect();
    if shards.is_empty() {
        return why;
    }
    PlanningError::Unsettled {
        rollout: rollout.to_owned(),
        shards,
        why: Box::new(why),
    }
}

/// The rollout of this project and environment that has not ended.
pub async fn unfinished(setup: &Setup) -> Result<Option<RolloutRow>, JournalError> {
    let rollouts = setup.journal.rollouts(&setup.scope()).await?;
    Ok(rollouts.into_iter().find(|row| row.ended.is_none()))
}

/// The plan for what is pending, whatever rollout is unfinished (`greylag plan`).
pub fn make_plan(setup: &Setup, surveyed: &Surveyed, ask: &Ask) -> Result<Plan, PlanningError> {
    let refused = RefusedThere::default();
    compose_without(setup, surveyed, None, ask, None, Vec::new(), &refused)
}

/// The plan without what logical subscribers refuse, and what they make of the rest.
async fn compose(
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
    Ok(plan.with_settings(settings))
}

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

/// Names that the fleet does not have are told before anything is looked at.
fn check_scope(setup: &Setup, ask: &Ask) -> Result<(), PlanningError> {
    let unknown: Vec<ShardName> = ask
        .scope
        .only
        .iter()
        .flatten()
        .filter(|name| setup.fleet.get(name).is_none())
        .cloned()
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(PlanError::UnknownShards {
        names: unknown,
        nearest: None,
    }
    .into())
}

/// A shard that can't be reached stops everything, unless a person leaves such shards out.
fn check_reached(surveyed: &Surveyed, ask: &Ask) -> Result<(), PlanningError> {
    let unreachable: Vec<_> = surveyed
        .unreachable()
        .filter(|(name, _)| in_scope(ask, name))
        .map(|(name, unseen)| (name.clone(), unseen.why.clone()))
        .collect();
    if unreachable.is_empty() || ask.skip_unreachable {
        Ok(())
    } else {
        Err(PlanningError::Unreachable(unreachable))
    }
}

/// Guards' refusals, all at once. Gives those that `--claim` claims.
fn check_refusals(surveyed: &Surveyed, ask: &Ask) -> Result<Vec<ShardName>, PlanningError> {
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

/// What the digest covers beside the plan: session SQL and resolved placeholders of each of its shards. A shard that joins
/// the fleet later changes nothing of it.
pub fn settings_digest(setup: &Setup, plan: &Plan) -> String {
    let mut hash = Sha256::new();
    let mut field = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    let mut planned: Vec<&ShardName> = plan.shards().iter().map(|shard| &shard.name).collect();
    planned.sort_unstable();
    let is_planned = |shard: &&FleetShard| planned.binary_search(&&shard.shard.name).is_ok();
    let mut shards: Vec<&FleetShard> = setup.fleet.shards.iter().filter(is_planned).collect();
    shards.sort_unstable_by(|a, b| a.shard.name.cmp(&b.shard.name));
    for shard in shards {
        field(shard.shard.name.as_str());
        field(&shard.target.history_table);
        shard.target.session_sql.iter().for_each(|sql| field(sql));
        for (name, value) in placeholders(&setup.migrations.placeholders, shard) {
            // Where a shard is may change; what its files say may not.
            if !name.starts_with("flyway:") {
                field(&name);
                field(&value);
            }
        }
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            text.push_str(&format!("{byte:02x}"));
            text
        })
}

fn is_flyways(setup: &Setup) -> bool {
    setup
        .fleet
        .shards
        .iter()
        .any(|shard| &*shard.target.history_table == "flyway_schema_history")
}

fn changed_error(changed: Vec<ChangedFile>) -> PlanningError {
    PlanningError::Changed(PlanError::ChangedOnDisk(changed))
}

fn refusals(refusals: &[Refusal]) -> String {
    let lines: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn list<'a>(names: impl Iterator<Item = &'a ShardName>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match names.len() {
        0..=5 => names.join(", "),
        n => format!("{} and {} more", names[..5].join(", "), n - 5),
    }
}
