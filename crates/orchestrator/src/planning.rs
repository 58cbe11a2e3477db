//! From what was seen to a plan, and what an unfinished rollout makes of it.

mod compose;
mod error;
mod rest;
mod settings;

pub use compose::{NAMED_NO_MORE, claims, is_flyways};
pub use error::PlanningError;
pub use rest::Rest;
pub use settings::settings_digest;

use self::compose::{check_reached, check_refusals, compose};
use crate::{
    facts,
    journal::{JournalError, RolloutRow},
    review::new_migrations,
    setup::Setup,
    steering,
    survey::Surveyed,
    watch::Blind,
};
use greylag_core::{
    engine::Engine,
    fleet::ShardName,
    history::Reading,
    migration::MigrationId,
    plan::{self, Plan, PlanError, Resume, UndoTarget},
    policy::Scope,
    rollout::{Progress, Rollout},
};
use greylag_lint::FleetFacts;
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
    /// An unfinished rollout goes on with the plan it has. `rest` is pending beside it: once it is done, that is planned anew.
    Continue {
        rollout: String,
        plan: Arc<Plan>,
        rest: Rest,
    },
    /// Files changed while something was in flight: that is settled first, then it is looked again. The plan is what comes
    /// of it as far as can be seen now. Where the rollout is paused, so is that plan, until `resume`; there need be nothing to settle then.
    SettleFirst {
        rollout: String,
        plan: Arc<Plan>,
        shards: Vec<ShardName>,
        paused: bool,
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
        Resume::Continue | Resume::ContinueThenPlanAnew { .. } => {
            go_on(setup, row.id, recorded.plan, surveyed)
        }
        Resume::SettleFirst {
            shards,
            paused,
            waves,
            first,
        } => {
            let plan = compose(setup, surveyed, facts, ask, Some(waves), first).await?;
            Ok(Prospect::SettleFirst {
                rollout: row.id,
                plan: Arc::new(plan),
                shards,
                paused,
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
        Resume::Refuse { changed } => {
            Err(PlanningError::Changed(PlanError::ChangedOnDisk(changed)))
        }
    }
}

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
    surveyed: &Surveyed,
) -> Result<Prospect, PlanningError> {
    if plan.settings != settings_digest(setup, &plan) {
        let names = plan.shards().iter().map(|shard| &shard.name);
        let gone = names.filter(|name| setup.fleet.get(name).is_none());
        let shards: Vec<ShardName> = gone.cloned().collect();
        return Err(match shards.is_empty() {
            true => PlanningError::SettingsChanged { rollout },
            false => PlanningError::PlannedGone { rollout, shards },
        });
    }
    let rest = Rest::of(&plan, surveyed);
    Ok(Prospect::Continue {
        rollout,
        plan,
        rest,
    })
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
        missing: surveyed
            .missing
            .iter()
            .filter(|known| has_more(&known.name))
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
        return Ok(plan::check_target(
            &ask.scope,
            setup.migrations.files.as_slice(),
        )?);
    }
    Err(PlanError::UnknownShards {
        names: unknown,
        nearest: None,
    }
    .into())
}
