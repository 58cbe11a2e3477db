//! What became of a job that may have been under way.
//!
//! In SQLite a statement and what is remembered of it share a transaction, or the statement can be run again: looking
//! always tells. The shard's lock is ours, so nobody is still at it.

use super::{history, shard::Shard, steps, survey};
use crate::{
    error::EngineError,
    job::{Job, Settled},
};
use greylag_core::survey::StepState;

pub(super) fn settle(shard: &Shard, job: &Job) -> Result<Settled, EngineError> {
    let refused = shard.refused("settling a migration");
    let found = survey::find(shard).map_err(&refused)?;
    if found.history {
        let rows = history::read(&shard.connection, &shard.tables).map_err(&refused)?;
        if history::has(&rows, job) {
            return Ok(Settled::Applied);
        }
    }
    if !found.step {
        return Ok(Settled::Absent);
    }
    let step = steps::find(shard, &job.migration)?;
    let failure = step
        // A failure of an earlier rollout's attempt says nothing about this one's.
        .filter(|step| step.state == StepState::Failed && step.rollout == job.rollout)
        .and_then(|step| step.failure)
        // What was to be tried again is.
        .filter(|failure| !failure.class.is_transient());
    Ok(match failure {
        Some(failure) => Settled::Failed(failure),
        None => Settled::Absent,
    })
}
