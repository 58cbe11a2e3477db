//! From surveys to refusals: each shard by itself, then all together.

use super::{Sighting, Surveyed};
use crate::journal::KnownShard;
use greylag_core::{
    fleet::ShardName,
    identity::{self, Expected, Known, Refusal},
    survey::{Server, Survey},
};
use jiff::Timestamp;

/// Who the shard should be.
pub fn expected_of<'a>(
    shard: &'a ShardName,
    project: &'a str,
    environment: &'a str,
    known: Option<&'a Known>,
) -> Expected<'a> {
    Expected {
        shard,
        project,
        environment,
        known,
        claim_allowed: false,
    }
}

/// Databases under two names: both are told.
pub fn judge_together(project: &str, surveyed: &mut Surveyed) {
    let refusals = {
        let surveys: Vec<(ShardName, &Survey)> = surveyed
            .shards
            .iter()
            .filter_map(|s| Some((s.name.clone(), &*s.seen.as_ref().ok()?.survey)))
            .collect();
        identity::duplicates(project, &surveys)
    };
    for refusal in refusals {
        if let Refusal::SameDatabase { shard, .. } = &refusal
            && let Some(sighting) = find(&mut surveyed.shards, shard)
        {
            sighting.refusals.insert(0, refusal);
        }
    }
}

fn find<'a>(shards: &'a mut [Sighting], name: &ShardName) -> Option<&'a mut Sighting> {
    shards.iter_mut().find(|sighting| sighting.name == *name)
}

/// What is to be remembered of a proven shard; none where nothing new is.
pub fn known_of(
    before: Option<&KnownShard>,
    survey: &Survey,
    version: Option<String>,
) -> Option<KnownShard> {
    known_with(before, survey, &[], version)
}

/// … and of servers that were seen to follow its primary.
pub fn known_with(
    before: Option<&KnownShard>,
    survey: &Survey,
    followers: &[Server],
    version: Option<String>,
) -> Option<KnownShard> {
    let uuid = survey.identity.as_ref()?.uuid;
    let mut known = before
        .filter(|known| known.known.uuid == uuid)
        .map(|known| known.known.clone())
        .unwrap_or_default();
    known.uuid = uuid;
    known.prove_primary(&survey.server);
    for server in followers {
        known.prove_follower(server, &survey.server);
    }
    let is_same = |before: &KnownShard| before.known == known && before.version == version;
    if before.is_some_and(is_same) {
        return None;
    }
    Some(KnownShard {
        name: survey.shard.clone(),
        known,
        version,
        seen: Timestamp::now(),
    })
}
