//! What a rollout remembers, and how its cursor moves through stages and waves.

use super::{
    command::Progress,
    counts::Counts,
    order::{OutOfOrder, Why},
    ready::Ready,
};
use crate::{
    event::Stamped,
    fleet::ShardName,
    gate::WaitReason,
    migration::{MigrationId, Phase},
    outcome::{Doubt, Failure},
    plan::Plan,
    position::Position,
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    ops::Deref,
    sync::Arc,
};

/// One plan being carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    pub(super) plan: Carried,
    /// Each shard's host, by number.
    pub(super) hosts: Arc<[u32]>,
    pub(super) taken_up: Timestamp,
    pub(super) started: bool,
    pub(super) epoch: u64,
    pub(super) end: Option<End>,
    pub(super) aborted: Option<(String, Option<String>)>,
    pub(super) paused: Option<(String, Option<String>)>,
    /// A gate said stop; it stands until a person resumes, even where the wave is skipped meanwhile.
    pub(super) gate_stop: Option<String>,
    pub(super) cursor: Cursor,
    /// The gate of the waves that have gone, while it is asked again: nothing more of them starts before it passes.
    pub(super) again: Option<Gate>,
    pub(super) soak_until: Option<Timestamp>,
    /// By wave, and whether for contracts.
    pub(super) approved: BTreeSet<(usize, bool)>,
    pub(super) shards: Vec<ShardState>,
    /// By stage and wave; of later stages too.
    pub(super) counts: Vec<Vec<Counts>>,
    pub(super) in_flight: BTreeSet<u32>,
    pub(super) on_host: BTreeMap<u32, u32>,
    pub(super) ready: Ready,
    /// Of the current stage.
    pub(super) failed: BTreeMap<u32, Failure>,
    pub(super) unknown: BTreeMap<u32, Doubt>,
    /// Applied, and to be replayed by their nodes.
    pub(super) replaying: BTreeMap<u32, Awaited>,
    /// Of earlier stages, and not there any more: run again before anything else of the shard.
    pub(super) lost: BTreeMap<u32, BTreeSet<MigrationId>>,
    /// Why nodes hold the rollout; empty while they don't.
    pub(super) held: Vec<WaitReason>,
    /// Applied, but a `verify` query said no; it is asked again.
    pub(super) verify_again: BTreeMap<u32, MigrationId>,
    /// Shards whose schema this rollout has touched.
    pub(super) changed: u32,
}

/// The plan, which stands in debug output by its digest alone.
#[derive(Clone, PartialEq)]
pub(super) struct Carried(pub Arc<Plan>);

impl Deref for Carried {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.digest)
    }
}

/// What a shard's nodes have to replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Awaited {
    pub position: Option<Position>,
    pub overdue: bool,
}

/// How a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Done,
    Aborted,
    Superseded,
}

/// Where the rollout stands: which stage, which wave of it, and that wave's gate.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cursor {
    /// The number of stages once all are through.
    pub stage: usize,
    /// The number of waves once all of the stage have gone.
    pub wave: usize,
    pub gate: Gate,
    /// The first wave of the stage that went: a failure there stops regardless of the budget.
    pub canary: Option<usize>,
    /// Pending, running or unknown shards of the waves that have gone.
    pub open: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Gate {
    NotAsked,
    Waiting {
        again: Timestamp,
        reasons: Vec<WaitReason>,
        /// How often it has said so: asked again more and more slowly.
        times: u32,
    },
    Passed,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ShardState {
    /// In the current stage.
    pub progress: Progress,
    /// So many of the current stage's work are there.
    pub applied: u32,
    /// The stage from which on it is left out.
    pub skipped_from: Option<usize>,
    pub changed: bool,
}

impl Rollout {
    /// A rollout that nothing has happened to yet; its first event is `RolloutStarted`.
    pub fn new(plan: Arc<Plan>, at: Timestamp) -> Self {
        let count = plan.shards.len();
        let mut rollout = Self {
            hosts: number_hosts(&plan),
            taken_up: at,
            started: false,
            epoch: 0,
            end: None,
            aborted: None,
            paused: None,
            gate_stop: None,
            cursor: Cursor {
                stage: 0,
                wave: 0,
                gate: Gate::NotAsked,
                canary: None,
                open: 0,
            },
            again: None,
            soak_until: None,
            approved: BTreeSet::new(),
            shards: vec![
                ShardState {
                    progress: Progress::NoWork,
                    applied: 0,
                    skipped_from: None,
                    changed: false,
                };
                count
            ],
            counts: count_work(&plan),
            in_flight: BTreeSet::new(),
            on_host: BTreeMap::new(),
            ready: Ready::default(),
            failed: BTreeMap::new(),
            unknown: BTreeMap::new(),
            replaying: BTreeMap::new(),
            lost: BTreeMap::new(),
            held: Vec::new(),
            verify_again: BTreeMap::new(),
            changed: 0,
            plan: Carried(plan),
        };
        rollout.enter_stage(0);
        rollout.advance();
        rollout
    }

    /// Rebuilds a rollout from its journal: all of it, from sequence 1.
    pub fn replay(plan: Arc<Plan>, events: &[Stamped]) -> Result<Self, OutOfOrder> {
        let at = events
            .first()
            .map_or(Timestamp::UNIX_EPOCH, |first| first.at);
        let mut rollout = Self::new(plan, at);
        for (expected, stamped) in (1..).zip(events) {
            if stamped.sequence != expected {
                return Err(OutOfOrder {
                    event: Box::new(stamped.event.clone()),
                    why: Why::Sequence {
                        expected,
                        found: stamped.sequence,
                    },
                });
            }
            rollout.record(&stamped.event, stamped.at, stamped.epoch)?;
        }
        Ok(rollout)
    }

    pub(super) fn name(&self, number: u32) -> &ShardName {
        &self.plan.shards[number as usize].name
    }

    pub(super) fn is_wave(&self, wave: usize) -> bool {
        wave < self.plan.waves.len()
    }

    pub(super) fn is_through(&self) -> bool {
        self.cursor.stage >= self.plan.stages.len()
    }

    pub(super) fn wave_of(&self, number: u32) -> usize {
        self.plan.index().wave(number)
    }

    pub(super) fn has_work(&self, stage: usize, number: u32) -> bool {
        self.plan.index().group(stage, number).is_some()
    }

    /// What an approval of the current wave would be for.
    pub(super) fn approval_key(&self, stage: usize, wave: usize) -> (usize, bool) {
        (wave, self.plan.stages[stage].phase == Phase::Contract)
    }

    pub(super) fn lacks_approval(&self) -> bool {
        let Cursor { stage, wave, .. } = self.cursor;
        self.plan.waves[wave].approval && !self.approved.contains(&self.approval_key(stage, wave))
    }

    pub(super) fn progress_in(&self, stage: usize, number: u32) -> Progress {
        let shard = &self.shards[number as usize];
        if stage == self.cursor.stage {
            return shard.progress;
        }
        match (self.has_work(stage, number), shard.skipped_from) {
            (false, _) => Progress::NoWork,
            (true, Some(from)) if from <= stage => Progress::Skipped,
            (true, _) if stage < self.cursor.stage => Progress::Applied,
            (true, _) => Progress::Pending,
        }
    }
}

fn number_hosts(plan: &Plan) -> Arc<[u32]> {
    let mut known: HashMap<&str, u32> = HashMap::new();
    plan.shards
        .iter()
        .map(|shard| {
            let next = known.len() as u32;
            *known.entry(&*shard.host).or_insert(next)
        })
        .collect()
}

fn count_work(plan: &Plan) -> Vec<Vec<Counts>> {
    plan.stages
        .iter()
        .map(|stage| {
            let mut counts = vec![Counts::default(); plan.waves.len()];
            for shard in stage.work.iter().flat_map(|work| &work.shards) {
                if let Some(wave) = plan.wave_of(shard) {
                    counts[wave].pending += 1;
                }
            }
            counts
        })
        .collect()
}
