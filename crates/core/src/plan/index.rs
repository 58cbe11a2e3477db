//! Look-ups over a plan, built once: a shard's number, wave, and work.
//!
//! A shard's number is its place in the plan's shards, so that numbers ascend wave by wave.

use super::parts::Plan;
use crate::{fleet::ShardName, migration::MigrationId};
use std::{collections::HashMap, sync::OnceLock};

#[derive(Clone, Debug)]
pub(crate) struct PlanIndex {
    numbers: HashMap<ShardName, u32>,
    waves: Vec<u32>,
    /// Per stage and shard number, the entry of the stage's work; `NONE` where there is none.
    groups: Vec<Vec<u32>>,
    migrations: HashMap<MigrationId, usize>,
}

const NONE: u32 = u32::MAX;

impl PlanIndex {
    pub fn number(&self, shard: &ShardName) -> Option<u32> {
        self.numbers.get(shard).copied()
    }

    pub fn wave(&self, number: u32) -> usize {
        self.waves[number as usize] as usize
    }

    pub fn group(&self, stage: usize, number: u32) -> Option<usize> {
        let group = *self.groups.get(stage)?.get(number as usize)?;
        (group != NONE).then_some(group as usize)
    }

    pub fn migration(&self, id: &MigrationId) -> Option<usize> {
        self.migrations.get(id).copied()
    }

    fn of(plan: &Plan) -> Self {
        let numbers: HashMap<_, _> = (0u32..)
            .zip(&plan.shards)
            .map(|(number, shard)| (shard.name.clone(), number))
            .collect();
        let mut waves = vec![0; plan.shards.len()];
        for (wave, shards) in (0u32..).zip(plan.waves.iter().map(|wave| &wave.shards)) {
            for number in shards.iter().filter_map(|shard| numbers.get(shard)) {
                waves[*number as usize] = wave;
            }
        }
        let groups = plan
            .stages
            .iter()
            .map(|stage| {
                let mut of = vec![NONE; plan.shards.len()];
                for (group, work) in (0u32..).zip(&stage.work) {
                    for number in work.shards.iter().filter_map(|shard| numbers.get(shard)) {
                        of[*number as usize] = group;
                    }
                }
                of
            })
            .collect();
        let migrations = plan
            .migrations
            .iter()
            .enumerate()
            .map(|(at, migration)| (migration.id.clone(), at))
            .collect();
        Self {
            numbers,
            waves,
            groups,
            migrations,
        }
    }
}

/// Where a plan keeps its index. Says nothing about the plan, so all cells are equal.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexCell(OnceLock<PlanIndex>);

impl IndexCell {
    pub fn get(&self, plan: &Plan) -> &PlanIndex {
        self.0.get_or_init(|| PlanIndex::of(plan))
    }
}

impl PartialEq for IndexCell {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
