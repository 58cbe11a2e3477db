//! What the lint holds, as `status` tells it: of the files and of what was surveyed anyway.
//!
//! Does not look at sizes. Where the project wants the lint to go by them, it says that it was not asked.

use crate::{
    planning::is_flyways,
    review::{new_migrations, review_pending},
    setup::Setup,
    survey::{Sighting, Surveyed},
};
use greylag_core::{
    migration::MigrationId,
    plan::{Held, Reviewed, held_by_review},
};
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// What the lint said when it was asked last: it is asked again once something else is new, not at every look.
#[derive(Clone, Debug, Default)]
pub struct Reviews(Option<(BTreeSet<MigrationId>, Option<Reviewed>)>);

/// What there is to tell of it.
#[derive(Debug, Default)]
pub(super) struct Review {
    pub held: Vec<Held>,
    pub unreviewed: Vec<MigrationId>,
}

impl Reviews {
    /// `planned`: what an unfinished rollout gives by the plan it has, which was reviewed then.
    pub(super) fn of(
        &mut self,
        setup: &Setup,
        surveyed: &Surveyed,
        planned: Option<&BTreeSet<MigrationId>>,
    ) -> Review {
        let Some(settings) = &setup.lint else {
            return Review::default();
        };
        let is_planned = |id: &MigrationId| planned.is_some_and(|planned| planned.contains(id));
        let new: BTreeSet<MigrationId> = new_migrations(surveyed).into_iter().cloned().collect();
        if settings.fleet {
            let unreviewed = new.into_iter().filter(|id| !is_planned(id)).collect();
            return Review {
                unreviewed,
                ..Review::default()
            };
        }
        if !matches!(&self.0, Some((known, _)) if *known == new) {
            self.0 = Some((new, review_pending(setup, surveyed, None)));
        }
        let Some((_, Some(reviewed))) = &self.0 else {
            return Review::default();
        };
        let mut reviewed = reviewed.clone();
        reviewed.errors.retain(|id, _| !is_planned(id));
        Review {
            held: held(setup, surveyed, &reviewed),
            unreviewed: Vec::new(),
        }
    }
}

impl Review {
    /// Those of what is held that a shard lacks.
    pub(super) fn held_on(&self, sighting: &Sighting) -> Vec<MigrationId> {
        let Ok(seen) = &sighting.seen else {
            return Vec::new();
        };
        let held = self.held.iter().filter_map(|held| held.migration.as_ref());
        let lacks = |id: &&MigrationId| seen.reading.pending.contains(id);
        held.filter(lacks).cloned().collect()
    }
}

fn held(setup: &Setup, surveyed: &Surveyed, reviewed: &Reviewed) -> Vec<Held> {
    if reviewed.errors.is_empty() {
        return Vec::new();
    }
    // Shards that read alike share one reading.
    let mut met = HashSet::new();
    let readings = surveyed.shards.iter().filter_map(|sighting| {
        let reading = &sighting.seen.as_ref().ok()?.reading;
        met.insert(Arc::as_ptr(reading)).then_some(&**reading)
    });
    let files = setup.migrations.files.as_slice();
    // Files that can't be planned with are told by `plan`.
    let held = held_by_review(files, &setup.policy, is_flyways(setup), reviewed, readings);
    held.unwrap_or_default()
}
