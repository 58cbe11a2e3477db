//! Which way the jobs go, and the guards that hold for both.

use super::{failure::Trouble, holders, place::failure, shard::Shard, steps, stepwise, wrapped};
use crate::job::{Attempt, Job, Note};
use greylag_core::{
    outcome::{FailureClass, Left},
    script::RunMode,
    survey::StepState,
};

/// Runs the jobs, under the shard's lock.
pub(super) fn apply(shard: &mut Shard, jobs: &[Job], notes: &dyn Fn(Note)) -> Attempt {
    if shard.lock.is_none() {
        return refuse(jobs, "this session does not hold the shard's lock");
    }
    let mut attempt = match jobs {
        [job] if job.mode != RunMode::Transaction || has_begun(shard, job) => {
            stepwise::run(shard, job, notes)
        }
        jobs if jobs.iter().all(|job| job.mode == RunMode::Transaction) => {
            wrapped::run(shard, jobs, notes)
        }
        _ => {
            return refuse(
                jobs,
                "a file that runs statement by statement can't share a transaction with others",
            );
        }
    };
    if let Attempt::Failed(failure) = &mut attempt
        && failure.class == FailureClass::Lock
    {
        failure.blockers = holders::holders(&shard.file.path);
    }
    if jobs.iter().any(|job| job.script.leaves_traces())
        && let Err(error) = shard.reopen()
    {
        // The attempt's answer stands; the next verb meets the same obstacle and tells it.
        tracing::warn!(shard = %shard.target.shard, %error, "no fresh connection after a file with PRAGMA, ATTACH or temporary tables");
    }
    attempt
}

/// An earlier run of the file, statement by statement, has finished some of it; it is taken up in the same way.
fn has_begun(shard: &Shard, job: &Job) -> bool {
    steps::find(shard, &job.migration)
        .ok()
        .flatten()
        .is_some_and(|step| step.state != StepState::Applied && step.statements_done > 0)
}

fn refuse(jobs: &[Job], why: &str) -> Attempt {
    let Some(job) = jobs.first() else {
        return Attempt::Applied(crate::job::Applied {
            millis: 0,
            position: None,
            warnings: Vec::new(),
        });
    };
    let trouble = Trouble::own(
        FailureClass::Refused,
        why,
        "This is a fault of Greylag: please report it.",
    );
    Attempt::Failed(failure(job, None, trouble, Left::Nothing))
}
