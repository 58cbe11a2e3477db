//! What failovers between two runs mean for a rollout that is taken up: moved primaries, and histories that lack what it had applied.

use super::{
    ApplyError,
    opening::{Opened, fault},
};
use crate::{executor::lacks, survey::Surveyed};
use greylag_core::event::Event;

/// Writes down where primaries have moved, and sets shards back whose history lacks what the journal has: the history is the truth.
pub fn reconcile(opened: &mut Opened, surveyed: &Surveyed) -> Result<(), ApplyError> {
    let mut events: Vec<Event> = Vec::new();
    for moved in &surveyed.moves {
        events.push(Event::PrimaryMoved {
            shard: moved.shard.clone(),
            from: moved.from.clone(),
            to: moved.to.clone(),
        });
    }
    let state = &opened.ledger.state;
    if let Some((stage, _)) = state.current() {
        for sighting in &surveyed.shards {
            let Ok(seen) = &sighting.seen else {
                continue;
            };
            let had = state.recorded(&sighting.name).into_iter();
            let migrations: Vec<_> = had.filter(|id| lacks(&seen.reading, id)).collect();
            if seen.proof.is_some() && !migrations.is_empty() {
                events.push(Event::MigrationsLost {
                    stage,
                    shard: sighting.name.clone(),
                    migrations,
                    primary: seen.survey.server.address.clone(),
                });
            }
        }
    }
    let rollout = opened.ledger.rollout.clone();
    for event in events {
        // Refused where the shard is left out of the rollout: the next plan takes it up.
        let lost = matches!(event, Event::MigrationsLost { .. });
        if let Err(why) = opened.ledger.record(event)
            && !lost
        {
            return Err(fault(&rollout, why.into()));
        }
    }
    Ok(())
}
