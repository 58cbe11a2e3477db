//! A rollout at a glance, for every surface alike.

use super::{
    command::{Command, Progress},
    counts::Counts,
    state::Rollout,
};
use crate::{gate::WaitReason, migration::Phase, plan::StageKind};
use jiff::Timestamp;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The plan's shards by where they stand over all stages.
    pub shards: Counts,
    pub stages: Vec<StageSummary>,
    /// The stage under way; none once all are through.
    pub stage: Option<usize>,
    /// The wave under way, or whose gate is next.
    pub wave: Option<usize>,
    /// What it waits for now, people included; empty while it works.
    pub waits: Vec<WaitReason>,
    /// Whether nothing new may start.
    pub stopped: bool,
    pub paused: bool,
    pub aborted: bool,
    pub ended: bool,
    /// Shards whose schema this rollout has touched.
    pub changed: u32,
    pub budget: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageSummary {
    pub kind: StageKind,
    pub phase: Phase,
    pub shards: Counts,
    /// One for each wave of the plan; without work where all counts are zero.
    pub waves: Vec<WaveSummary>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WaveSummary {
    pub name: String,
    pub shards: Counts,
}

impl Rollout {
    /// Looks at every shard once: for a page or a line, not for every event of a large fleet.
    pub fn summary(&self, now: Timestamp) -> Summary {
        let stages = self
            .plan
            .stages
            .iter()
            .zip(&self.counts)
            .map(|(stage, counts)| StageSummary {
                kind: stage.kind,
                phase: stage.phase,
                shards: Counts::sum(counts),
                waves: (self.plan.waves.iter().zip(counts))
                    .map(|(wave, counts)| WaveSummary {
                        name: wave.name.clone(),
                        shards: *counts,
                    })
                    .collect(),
            })
            .collect();
        let current = self.current();
        Summary {
            shards: self.overall(),
            stages,
            stage: current.map(|(stage, _)| stage),
            wave: current.and_then(|(_, wave)| wave),
            waits: self.waits(now),
            stopped: self.is_stopped(),
            paused: self.paused.is_some(),
            aborted: self.aborted.is_some(),
            ended: self.has_ended(),
            changed: self.changed,
            budget: self.plan.budget,
        }
    }

    /// What it waits for now: soak, a gate, a person.
    pub fn waits(&self, now: Timestamp) -> Vec<WaitReason> {
        let waits = self
            .next(now)
            .into_iter()
            .find_map(|command| match command {
                Command::WaitUntil { reasons, .. } | Command::WaitForPerson { reasons } => {
                    Some(reasons)
                }
                _ => None,
            });
        waits.unwrap_or_else(|| self.stops())
    }

    /// A shard counts as applied once all its stages are.
    fn overall(&self) -> Counts {
        let mut counts = Counts::default();
        let stages = self.plan.stages.len();
        for number in 0..self.shards.len() as u32 {
            let shard = &self.shards[number as usize];
            let here = match shard.progress {
                _ if self.is_through() => Progress::Applied,
                progress => progress,
            };
            let more = || (self.cursor.stage + 1..stages).any(|later| self.has_work(later, number));
            let progress = match here {
                _ if shard.skipped_from.is_some() => Progress::Skipped,
                Progress::NoWork | Progress::Applied if more() => Progress::Pending,
                Progress::NoWork => Progress::Applied,
                progress => progress,
            };
            counts.add(progress);
        }
        counts
    }
}
