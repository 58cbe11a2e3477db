//! The document `status` prints: the fleet's versions, what is pending and failed, and the rollout. `greylag.status/v1`.

mod held;

use held::Reviews;

use crate::{
    fleet::FleetShard,
    planning::is_flyways,
    replicas::NodeReport,
    setup::{Migrations, Setup},
    steering::{self, Origins, SteerError, came_with},
    survey::{Sighting, Surveyed},
};
use greylag_core::{
    engine::Engine,
    fleet::ShardName,
    history::Reading,
    identity::Refusal,
    migration::MigrationId,
    node::NodeRole,
    outcome::Failure,
    plan::{self, Held, Plan},
    rollout::Progress,
    survey::{StepState, Survey},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What was asked once, and is not asked again at every look: what the lint says, and which rollouts brought what is newer than any file.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    reviews: Reviews,
    origins: Origins,
}

/// The newest that are told; the journal keeps all.
const ACTS: usize = 50;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `greylag.status/v1`.
    pub schema: String,
    pub project: String,
    pub environment: String,
    pub at: Timestamp,
    pub fleet: FleetCounts,
    /// How many shards are on which version; `-` for none.
    pub versions: BTreeMap<String, usize>,
    pub shards: Vec<ShardStatus>,
    /// What the lint holds of what is pending, and what is held behind that.
    #[serde(default)]
    pub held: Vec<Held>,
    /// The lint was not asked about these: the project wants it to go by sizes (`[lint] fleet`), which nobody has looked at.
    #[serde(default)]
    pub unreviewed: Vec<MigrationId>,
    /// Comes with the lifecycle of changes.
    pub changes: Vec<serde_json::Value>,
    pub rollout: Option<RolloutStatus>,
    /// Shards once seen that the fleet no longer names.
    pub missing: Vec<crate::journal::KnownShard>,
    /// What people had done to shards beside rollouts (repair, accept, rebrand, forget), newest first.
    #[serde(default)]
    pub acts: Vec<crate::journal::Act>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetCounts {
    pub shards: usize,
    pub up_to_date: usize,
    pub pending: usize,
    pub failed: usize,
    pub refused: usize,
    pub unreachable: usize,
    /// Nodes beside the primaries.
    #[serde(default)]
    pub replicas: usize,
    /// Those of them (and primaries) that are waited for and do not stand as they should.
    #[serde(default)]
    pub nodes_in_trouble: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardStatus {
    pub name: ShardName,
    pub engine: Engine,
    pub host: String,
    pub labels: BTreeMap<String, String>,
    /// The server's own version.
    pub server: Option<String>,
    pub address: Option<String>,
    /// The highest version applied.
    pub version: Option<String>,
    /// Pending versions below it.
    pub holes: Vec<MigrationId>,
    /// Those of them that may not go there: held until they have a higher version, or the project lets them in.
    #[serde(default)]
    pub out_of_order: Vec<MigrationId>,
    /// Pending, and among what the lint holds, or behind that.
    #[serde(default)]
    pub held: Vec<MigrationId>,
    pub applied: Vec<MigrationId>,
    pub pending: Vec<MigrationId>,
    pub failed: Option<FailedStep>,
    /// Applied with another checksum than the file has now.
    #[serde(default)]
    pub changed: Vec<MigrationId>,
    /// Applied, and their files are gone.
    #[serde(default)]
    pub gone: Vec<MigrationId>,
    /// As a node, where the shard's nodes are watched.
    #[serde(default)]
    pub primary: Option<NodeReport>,
    /// The other nodes that the project names, or the primary.
    pub replicas: Vec<NodeReport>,
    pub refusals: Vec<Refusal>,
    /// The chain of causes, where the shard can't be reached.
    pub unreachable: Option<String>,
    /// Problems the history has with the files: changed, missing.
    pub problems: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedStep {
    pub migration: MigrationId,
    pub failure: Option<Failure>,
    pub statements_done: u32,
    pub statements_total: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutStatus {
    pub id: String,
    pub digest: String,
    /// `running`, `unattended`, `paused`, `stopped`, `done`, `aborted`, `superseded`.
    pub state: String,
    pub since: Timestamp,
    /// Who holds the lease, if anybody does.
    pub holder: Option<String>,
    pub done: usize,
    pub failed: Vec<ShardName>,
    pub unknown: Vec<ShardName>,
    pub skipped: Vec<ShardName>,
    pub waiting: Vec<greylag_core::gate::WaitReason>,
}

impl RolloutStatus {
    /// It goes no further before somebody acts: what became of a shard while a run is at it, that run finds out.
    pub fn must_be_mended(&self) -> bool {
        match self.state.as_str() {
            "done" | "aborted" | "superseded" => false,
            "running" => !self.failed.is_empty(),
            _ => !self.failed.is_empty() || !self.unknown.is_empty(),
        }
    }
}

impl ShardStatus {
    /// Nothing goes on here before somebody acts: a migration failed, was changed since, is gone and holds what is pending, or is
    /// itself held below what is applied.
    pub fn must_be_mended(&self) -> bool {
        let is_held = || self.gone.iter().any(|id| !id.is_repeatable()) && !self.pending.is_empty();
        let is_late = !self.out_of_order.is_empty();
        self.failed.is_some() || !self.changed.is_empty() || is_late || is_held()
    }

    /// The primary and the others, as far as they are watched.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeReport> {
        self.primary.iter().chain(&self.replicas)
    }
}

/// Makes the document of what was surveyed, how nodes stand, and what the journal knows. No shard is asked for more.
pub async fn read_status(
    setup: &Setup,
    surveyed: &Surveyed,
    nodes: Vec<NodeReport>,
    asked: &mut Asked,
) -> Result<Status, SteerError> {
    let rollout = rollout_status(setup).await?;
    let now = Timestamp::now();
    let in_trouble = nodes.iter().filter(|node| node.in_trouble(now)).count();
    let mut nodes_of: HashMap<ShardName, Vec<NodeReport>> = HashMap::new();
    for node in nodes {
        nodes_of.entry(node.shard.clone()).or_default().push(node);
    }
    let sightings: HashMap<&ShardName, &Sighting> =
        surveyed.shards.iter().map(|s| (&s.name, s)).collect();
    let mut late = late(setup, surveyed);
    asked.origins.look_up(setup, future(surveyed)).await?;
    let review = asked.reviews.of(
        setup,
        surveyed,
        rollout.as_ref().map(|(_, planned)| planned),
    );
    let shards: Vec<ShardStatus> = setup
        .fleet
        .shards
        .iter()
        .filter_map(|shard| Some((shard, *sightings.get(&shard.shard.name)?)))
        .map(|(shard, sighting)| {
            let nodes = nodes_of.remove(&shard.shard.name).unwrap_or_default();
            ShardStatus {
                out_of_order: late.remove(&shard.shard.name).unwrap_or_default(),
                held: review.held_on(sighting),
                ..status_of(shard, sighting, nodes, &asked.origins)
            }
        })
        .collect();
    let mut fleet = FleetCounts {
        shards: shards.len(),
        replicas: shards.iter().map(|shard| shard.replicas.len()).sum(),
        nodes_in_trouble: in_trouble,
        ..FleetCounts::default()
    };
    for shard in &shards {
        let count = if shard.unreachable.is_some() {
            &mut fleet.unreachable
        } else if !shard.refusals.is_empty() {
            &mut fleet.refused
        } else if shard.failed.is_some() {
            &mut fleet.failed
        } else if shard.pending.is_empty() {
            &mut fleet.up_to_date
        } else {
            &mut fleet.pending
        };
        *count += 1;
    }
    Ok(Status {
        schema: "greylag.status/v1".into(),
        project: setup.fleet.project.to_string(),
        environment: setup.fleet.environment.to_string(),
        at: now,
        fleet,
        versions: surveyed.versions(),
        shards,
        held: review.held,
        unreviewed: review.unreviewed,
        changes: Vec::new(),
        rollout: rollout.map(|(rollout, _)| rollout),
        missing: surveyed.missing.clone(),
        acts: setup.journal.acts(&setup.scope(), ACTS).await?,
    })
}

/// What is held below what is applied, by shard. Files that can't be planned with hold more than that, and are told by `plan`.
fn late(setup: &Setup, surveyed: &Surveyed) -> HashMap<ShardName, Vec<MigrationId>> {
    let (names, readings): (Vec<_>, Vec<_>) = (surveyed.shards.iter())
        .filter_map(|sighting| Some((&sighting.name, &*sighting.seen.as_ref().ok()?.reading)))
        .unzip();
    let files = setup.migrations.files.as_slice();
    let readings = readings.into_iter();
    let late = plan::out_of_order(files, &setup.policy, is_flyways(setup), readings);
    let late = late.unwrap_or_default().into_iter();
    let named = names.into_iter().cloned().zip(late);
    named.filter(|(_, late)| !late.is_empty()).collect()
}

/// What is applied anywhere, and newer than any file here.
fn future(surveyed: &Surveyed) -> BTreeSet<MigrationId> {
    let seen = (surveyed.shards.iter()).filter_map(|sighting| sighting.seen.as_ref().ok());
    seen.flat_map(|seen| &seen.reading.future)
        .cloned()
        .collect()
}

fn status_of(
    shard: &FleetShard,
    sighting: &Sighting,
    nodes: Vec<NodeReport>,
    origins: &Origins,
) -> ShardStatus {
    let (primaries, replicas): (Vec<_>, Vec<_>) =
        (nodes.into_iter()).partition(|node| node.role == NodeRole::Primary);
    let seen = sighting.seen.as_ref().ok();
    let reading = seen.map(|seen| &*seen.reading);
    let survey = seen.map(|seen| &*seen.survey);
    ShardStatus {
        name: shard.shard.name.clone(),
        engine: shard.shard.engine,
        host: shard.shard.host.to_string(),
        labels: (*shard.shard.labels).clone(),
        server: survey.map(|survey| survey.server.version.clone()),
        address: survey.map(|survey| survey.server.address.clone()),
        version: reading.and_then(|r| r.current.as_ref().map(ToString::to_string)),
        holes: reading.map_or_else(Vec::new, |r| r.out_of_order.clone()),
        out_of_order: Vec::new(),
        held: Vec::new(),
        applied: reading.map_or_else(Vec::new, |r| r.applied.clone()),
        pending: reading.map_or_else(Vec::new, |r| r.pending.clone()),
        failed: seen.and_then(|seen| failed(&seen.survey, &seen.reading)),
        changed: reading.map_or_else(Vec::new, |r| {
            r.changed.iter().map(|c| c.migration.clone()).collect()
        }),
        gone: reading.map_or_else(Vec::new, |r| r.missing.clone()),
        primary: primaries.into_iter().next(),
        replicas,
        refusals: sighting.refusals.clone(),
        unreachable: sighting
            .seen
            .as_ref()
            .err()
            .map(|unseen| unseen.why.clone()),
        problems: reading.map_or_else(Vec::new, |reading| problems(reading, origins)),
    }
}

/// The step that failed; or what the history itself has as failed, which another tool may have written.
fn failed(survey: &Survey, reading: &Reading) -> Option<FailedStep> {
    let mut steps = survey.steps.iter();
    let step = steps.find(|step| step.state == StepState::Failed);
    let step = step.map(|step| FailedStep {
        migration: step.migration.clone(),
        failure: step.failure.clone(),
        statements_done: step.statements_done,
        statements_total: step.statements_total,
    });
    let row = |migration: &MigrationId| FailedStep {
        migration: migration.clone(),
        failure: None,
        statements_done: 0,
        statements_total: 0,
    };
    step.or_else(|| reading.failed.first().map(row))
}

fn problems(reading: &Reading, origins: &Origins) -> Vec<String> {
    let changed = reading.changed.iter().map(|changed| {
        format!(
            "{} is applied with checksum {}, and its file has {}",
            changed.migration,
            changed.applied.map_or("none".into(), |c| c.to_string()),
            changed.file
        )
    });
    let missing = reading.missing.iter().map(|id| {
        format!(
            "{id} is applied, and its file is gone; `greylag repair {id} --reason …` takes it back"
        )
    });
    let future = reading.future.iter().map(|id| {
        // Who took that back would have it run again by the next who has the file: `repair` says how, to who asks for it.
        let origin = origins
            .get(id)
            .map(|row| format!("{}, and ", came_with(row)));
        format!(
            "{id} is applied, and newer than any file here: {}this checkout is older, most likely",
            origin.unwrap_or_default()
        )
    });
    let failed = reading.failed.iter().map(|id| {
        format!("{id} has a failed row in the history; `greylag repair {id} --reason …` removes it")
    });
    changed.chain(missing).chain(future).chain(failed).collect()
}

/// What is given as it was reviewed with its plan. Where a planned file was edited, or is gone, all of them are planned and reviewed anew.
fn as_reviewed(plan: &Plan, files: &Migrations) -> BTreeSet<MigrationId> {
    let mut planned = plan.migrations.iter();
    match planned.all(|one| files.get(&one.id).is_some_and(|file| !one.differs(file))) {
        true => plan.migrations.iter().map(|one| one.id.clone()).collect(),
        false => BTreeSet::new(),
    }
}

/// The rollout, and the files that it is still to give as they were reviewed when it was planned.
async fn rollout_status(
    setup: &Setup,
) -> Result<Option<(RolloutStatus, BTreeSet<MigrationId>)>, SteerError> {
    let rows = steering::list(setup).await?;
    let row = rows
        .iter()
        .find(|row| row.ended.is_none())
        .or(rows.first())
        .filter(|row| row.sequence > 0);
    let Some(row) = row else { return Ok(None) };
    let recorded = steering::show(setup, Some(&row.id)).await?;
    let holder = setup.journal.holder(&setup.scope()).await?;
    let now = Timestamp::now();
    let summary = recorded.state.summary(now);
    let plan = &recorded.plan;
    let all = |wanted: fn(Progress) -> bool| -> Vec<ShardName> {
        plan.shards()
            .iter()
            .map(|shard| &shard.name)
            .filter(|name| {
                (0..plan.stages.len())
                    .filter_map(|stage| recorded.state.shard_progress(stage, name))
                    .any(wanted)
            })
            .cloned()
            .collect()
    };
    let state = match &recorded.row.ended {
        Some(ended) => ended.as_str(),
        None if summary.paused => "paused",
        None if summary.stopped => "stopped",
        None if holder.is_some() => "running",
        None => "unattended",
    };
    let planned = match recorded.row.ended {
        Some(_) => BTreeSet::new(),
        None => as_reviewed(plan, &setup.migrations),
    };
    let status = RolloutStatus {
        id: row.id.clone(),
        digest: row.digest.clone(),
        state: state.to_owned(),
        since: row.begun,
        holder: holder
            .filter(|_| recorded.row.ended.is_none())
            .map(|row| row.holder.to_string()),
        done: summary.shards.applied as usize,
        failed: all(|p| p == Progress::Failed),
        unknown: all(|p| matches!(p, Progress::Unknown { .. })),
        skipped: all(|p| p == Progress::Skipped),
        waiting: if recorded.row.ended.is_some() {
            Vec::new()
        } else {
            summary.waits
        },
    };
    Ok(Some((status, planned)))
}
