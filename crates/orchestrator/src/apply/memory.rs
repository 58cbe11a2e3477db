//! What a run remembers of shards, and begins with.

use super::ApplyError;
use crate::{
    Sighting,
    journal::{Amendment, KnownShard, Lease},
    setup::Setup,
    survey::{Surveyed, known_with},
};
use greylag_core::{fleet::ShardName, survey::Server};
use std::collections::BTreeMap;

/// Who was seen to follow whom.
pub fn beside(surveyed: &Surveyed) -> BTreeMap<ShardName, Vec<Server>> {
    let seen = |sighting: &Sighting| {
        let followers = sighting.seen.as_ref().ok()?.followers.clone();
        (!followers.is_empty()).then(|| (sighting.name.clone(), followers))
    };
    surveyed.shards.iter().filter_map(seen).collect()
}

/// What is remembered of shards, this run's own proofs among it.
pub async fn known_now(setup: &Setup) -> Result<BTreeMap<ShardName, KnownShard>, ApplyError> {
    let known = setup.journal.known(&setup.scope()).await?.into_iter();
    Ok(known.map(|known| (known.name.clone(), known)).collect())
}

/// What is proven is expected from now on. What was remembered otherwise since the look is left as it is: another run, or a person,
/// knows better by now, and the look under each shard's lock judges by that.
pub async fn remember(
    setup: &Setup,
    lease: Option<&Lease>,
    surveyed: &Surveyed,
) -> Result<(), ApplyError> {
    let proven: Vec<Amendment> = surveyed
        .shards
        .iter()
        .filter(|sighting| sighting.refusals.is_empty())
        .filter_map(|sighting| {
            let seen = sighting.seen.as_ref().ok()?;
            let identity = seen.survey.identity.as_ref()?;
            if identity.project != *setup.fleet.project {
                return None;
            }
            let version = seen.reading.current.as_ref().map(ToString::to_string);
            let before = surveyed.known.get(&sighting.name);
            let after = known_with(before, &seen.survey, &seen.followers, version)?;
            Some(Amendment {
                before: before.cloned(),
                after,
            })
        })
        .collect();
    if !proven.is_empty() {
        setup.journal.amend(&setup.scope(), lease, &proven).await?;
    }
    Ok(())
}
