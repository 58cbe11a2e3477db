//! `greylag lint --fleet`: what is pending, and what the fleet looks like.

use crate::{
    arguments::Global,
    output::Screen,
    problem::Problem,
    view,
    workplace::{self, Journal},
};
use greylag_core::migration::MigrationId;
use greylag_orchestrator::{
    Fleet,
    facts::{self, Gathered, Unlooked},
    review::{new_migrations, pending_migrations},
    survey::survey_fleet,
};
use std::collections::BTreeSet;

/// What was seen of the fleet.
pub(super) struct Seen {
    pub(super) fleet: Fleet,
    pub(super) gathered: Gathered,
    /// Pending on some shard: on the one that has least, most likely.
    pub(super) pending: BTreeSet<MigrationId>,
    /// What no shard has any of; nothing while some shard could not be looked at.
    pub(super) new: BTreeSet<MigrationId>,
}

/// Looks at every shard twice, without a lock: what it has had, and what it holds.
pub(super) async fn look(global: &Global, screen: &Screen) -> Result<Seen, Problem> {
    let place = workplace::open(global, screen, Journal::Look).await?;
    let looking = view::open_for_looking(screen, place.folder());
    let surveyed = survey_fleet(&place.setup, None, &*looking).await;
    looking.close();
    let surveyed = surveyed?;
    let reached: BTreeSet<_> = surveyed
        .shards
        .iter()
        .filter(|sighting| sighting.seen.is_ok())
        .map(|sighting| sighting.name.clone())
        .collect();
    let looking = view::open_for_looking(screen, place.folder());
    let mut gathered = facts::gather(&place.setup, Some(&reached), &*looking).await;
    looking.close();
    // Not asked a second time: a dead host takes its time to say nothing.
    let unreached = surveyed.unreachable().map(|(name, unseen)| Unlooked {
        shard: name.clone(),
        node: None,
        why: unseen.why.clone(),
    });
    gathered.miss(unreached.collect());
    Ok(Seen {
        fleet: place.setup.fleet.clone(),
        pending: pending_migrations(&surveyed).into_iter().cloned().collect(),
        new: match surveyed.unreachable().next() {
            None => new_migrations(&surveyed).into_iter().cloned().collect(),
            Some(_) => BTreeSet::new(),
        },
        gathered,
    })
}
