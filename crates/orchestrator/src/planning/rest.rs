//! What is pending beside an unfinished rollout.

use crate::survey::Surveyed;
use greylag_core::{
    fleet::ShardName,
    migration::MigrationId,
    plan::{Held, Plan},
};
use std::collections::BTreeSet;

/// What shards lack that an unfinished plan does not give them: new files, shards that came since, what it held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rest {
    /// In order.
    pub migrations: Vec<MigrationId>,
    /// In the order of the fleet.
    pub shards: Vec<ShardName>,
    /// The plan left something behind that somebody may have mended since.
    pub held: bool,
}

impl Rest {
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// Whether it is looked at the fleet again once the plan is carried out: how that stands is not what it was.
    pub fn wants_a_look(&self) -> bool {
        self.held || !self.is_empty()
    }

    /// Of the shards that were looked at. Of an undo nothing: what it takes back is pending then, and is not wanted back at once.
    pub fn of(plan: &Plan, surveyed: &Surveyed) -> Self {
        let mut rest = Self::default();
        let mut planned = plan.migrations.iter();
        if planned.any(|planned| matches!(planned.id, MigrationId::Undo(_))) {
            return rest;
        }
        rest.held = plan.held.iter().any(Held::must_be_mended);
        let mut migrations = BTreeSet::new();
        for sighting in &surveyed.shards {
            let Ok(seen) = &sighting.seen else {
                continue;
            };
            let gives = |id: &MigrationId| {
                let mut stages = 0..plan.stages.len();
                stages.any(|stage| plan.work(stage, &sighting.name).contains(id))
            };
            let pending = seen.reading.pending.iter();
            let lacks: Vec<_> = pending.filter(|id| !gives(id)).collect();
            if !lacks.is_empty() {
                rest.shards.push(sighting.name.clone());
            }
            migrations.extend(lacks);
        }
        rest.migrations = migrations.into_iter().cloned().collect();
        rest
    }
}
