//! `--claim N`: databases that have tables and no identity get one, because a person expects them.

use super::{ApplyError, anchor::Anchored};
use crate::{
    executor::{Anchor, awake, claim_held, claim_shard, ready_subscribers},
    operations::Notes,
    planning::{self, Ask},
    setup::Setup,
    survey::Surveyed,
};
use greylag_core::{fleet::ShardName, identity::Refusal};
use std::sync::Arc;

/// Writes identities where a person expects databases without one. The anchor's own comes first, by the session that holds its
/// lock; that is kept in use while the others are claimed, which may take long.
pub async fn claim(
    setup: &Setup,
    ask: &Ask,
    surveyed: &mut Surveyed,
    anchor: &Anchored,
) -> Result<(), ApplyError> {
    let names = planning::claims(surveyed, ask)?;
    let Some((anchored, session)) = anchor else {
        return claim_each(setup, ask, surveyed, &names, None).await;
    };
    let (own, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name == anchored);
    claim_each(setup, ask, surveyed, &own, Some(session)).await?;
    let others = claim_each(setup, ask, surveyed, &others, None);
    session.awake(others).await
}

/// `anchor`: its session has the lock of these.
async fn claim_each(
    setup: &Setup,
    ask: &Ask,
    surveyed: &mut Surveyed,
    names: &[ShardName],
    anchor: Option<&Anchor>,
) -> Result<(), ApplyError> {
    let expected = ask.claim.unwrap_or_default();
    let reason = format!("`--claim {expected}`");
    let notes = Notes::new(setup, "claim", &reason);
    for name in names {
        let Some(shard) = setup.fleet.get(name) else {
            continue;
        };
        let failed = |failure| ApplyError::Claim {
            shard: name.clone(),
            left: unclaimed(surveyed),
            expected,
            failure: Box::new(failure),
        };
        let what = "a database with tables and no identity is claimed".to_owned();
        notes.write(name, &[what]).await.map_err(failed)?;
        let seat = setup.seats.seated(shard).target;
        let lent = match anchor {
            Some(anchor) => anchor.lend(&seat).await,
            None => None,
        };
        let claimed = match (lent, anchor) {
            (Some(mut session), Some(anchor)) => {
                let ready = ready_subscribers(setup, shard);
                let claimed = match awake(&mut *session, ready).await {
                    Ok(()) => claim_held(&mut *session, setup, shard).await,
                    Err(failure) => Err(failure),
                };
                anchor.take_back(&seat, session).await;
                claimed
            }
            _ => claim_shard(setup, shard).await,
        };
        let identity = claimed.map_err(failed)?;
        if let Some(sighting) = surveyed.shards.iter_mut().find(|s| s.name == *name) {
            sighting.refusals.clear();
            if let Ok(seen) = &mut sighting.seen {
                let mut survey = (*seen.survey).clone();
                survey.identity = Some(identity);
                seen.survey = Arc::new(survey);
            }
        }
    }
    Ok(())
}

/// So many are still to be claimed.
fn unclaimed(surveyed: &Surveyed) -> u32 {
    let is_one = |refusal: &Refusal| matches!(refusal, Refusal::Unclaimed { .. });
    let shards = surveyed.shards.iter();
    let count = shards
        .filter(|shard| shard.refusals.iter().any(is_one))
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
