//! How often a shard's connection was lost while its work ran. A migration that takes its own session, or the server, down
//! with it must stop the rollout and be named, not be found absent and run again for ever.

use super::run::Run;
use greylag_core::{
    fleet::ShardName,
    outcome::{Doubt, Failure, FailureClass, Left, Outcome},
    script::RunMode,
};
use std::{collections::BTreeMap, time::Duration};

/// After so many losses in one run, a shard that is found as it was has failed.
const MOST: u32 = 3;

/// Counts per shard, within one run: a new `apply` is a person's wish to try again.
#[derive(Default)]
pub struct Losses(BTreeMap<ShardName, (u32, Doubt)>);

impl Losses {
    /// How long a shard is left alone before it is looked at: a server that went down needs time to come back.
    pub fn pause(&self, shard: &ShardName) -> Duration {
        match self.0.get(shard).map_or(0, |(count, _)| *count) {
            // One lost connection is everyday: it is looked at right away.
            0 | 1 => Duration::ZERO,
            2 => Duration::from_secs(2),
            _ => Duration::from_secs(4),
        }
    }

    /// Takes an answer in: counts a loss, and turns one absence too many into a failure. `looked`: it answers a look, not a try.
    pub fn judge(
        &mut self,
        run: &Run,
        shard: &ShardName,
        looked: bool,
        outcome: Outcome,
    ) -> Outcome {
        match outcome {
            Outcome::Unknown { doubt } if !looked && !doubt.needs_person => {
                let entry = self.0.entry(shard.clone()).or_insert((0, doubt.clone()));
                // Getting further than the last time is progress, not the same loss again.
                *entry = match entry.1.migration == doubt.migration {
                    true => (entry.0 + 1, doubt.clone()),
                    false => (1, doubt.clone()),
                };
                Outcome::Unknown { doubt }
            }
            absent @ Outcome::Absent { .. } if looked => match self.0.get(shard) {
                Some((count, doubt)) if *count >= MOST => {
                    let failure = failure(run, shard, *count, doubt);
                    self.0.remove(shard);
                    Outcome::Failed { failure }
                }
                _ => absent,
            },
            outcome => outcome,
        }
    }
}

fn failure(run: &Run, shard: &ShardName, count: u32, doubt: &Doubt) -> Failure {
    let what = doubt
        .migration
        .as_ref()
        .map_or_else(|| "the work".to_owned(), ToString::to_string);
    Failure {
        class: FailureClass::Connection,
        code: None,
        message: format!(
            "the connection was lost {count} times while {what} ran; the last time: {}",
            doubt.why
        ),
        migration: doubt.migration.clone(),
        place: doubt.place.clone(),
        hint: Some(format!(
            "Does a statement end its own session, or bring the server down? Its log says. Then `greylag rollout retry {shard}` tries again."
        )),
        left: left(run, shard, doubt),
        blockers: Vec::new(),
    }
}

/// What stands: nothing of a transaction; of a file that runs statement by statement, what came before the lost one.
fn left(run: &Run, shard: &ShardName, doubt: &Doubt) -> Left {
    let job = doubt.migration.as_ref().and_then(|id| {
        let shard = run.setup.fleet.get(shard)?;
        let wait = run.plan.policy.lock_timeout;
        run.scripts
            .job(id, shard, &run.rollout, run.epoch, wait)
            .ok()
    });
    match (job, &doubt.place) {
        (Some(job), Some(place)) if job.mode != RunMode::Transaction => Left::Partial {
            done: place.statement.saturating_sub(1),
            total: job.script.statements.len() as u32,
        },
        _ => Left::Nothing,
    }
}
