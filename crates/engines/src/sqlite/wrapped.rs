//! Jobs and their history rows in one transaction: all of them, or nothing.
//!
//! The transaction is sealed while files run in it: a COMMIT that comes from a file rolls back instead.

use super::{
    failure::Trouble,
    history,
    hoist::{self, ForeignKeys},
    place::failure,
    references,
    shard::Shard,
    statement, steps,
};
use crate::job::{Applied, Attempt, Job, Note};
use greylag_core::{
    outcome::{Doubt, Failure, FailureClass, Left},
    script::{Tx, TxControl},
    survey::StepState,
};
use std::{sync::atomic::Ordering, time::Instant};

/// Why the jobs did not come through.
enum Stopped {
    Failed(Box<Failure>),
    /// The disk gave out at COMMIT.
    Unknown(Box<Doubt>),
}

/// Runs the jobs.
pub(super) fn run(shard: &mut Shard, jobs: &[Job], notes: &dyn Fn(Note)) -> Attempt {
    let begun = Instant::now();
    let ran = transact(shard, jobs, notes);
    shard.sealed.store(false, Ordering::SeqCst);
    statement::roll_back(shard);
    // Whatever the file asked for, the next one starts with foreign keys off.
    let _ = shard.connection.pragma_update(None, "foreign_keys", false);
    match ran {
        Ok(millis) => {
            for (job, millis) in jobs.iter().zip(millis) {
                notes(Note::Applied {
                    migration: job.migration.clone(),
                    millis,
                });
            }
            Attempt::Applied(Applied {
                millis: elapsed(begun),
                position: None,
                warnings: Vec::new(),
            })
        }
        Err(Stopped::Failed(failure)) => {
            let job = jobs
                .iter()
                .find(|job| Some(&job.migration) == failure.migration.as_ref());
            if let Some(job) = job {
                remember(shard, job, &failure);
            }
            Attempt::Failed(*failure)
        }
        Err(Stopped::Unknown(doubt)) => Attempt::Unknown(*doubt),
    }
}

/// Writes a failure down where `status` finds it; not one that trying again may mend, nor a person's cancel.
pub(super) fn remember(shard: &mut Shard, job: &Job, failure: &Failure) {
    if failure.class.is_transient() || failure.class == FailureClass::Cancelled {
        return;
    }
    let project = shard.target.project.clone();
    // The failure itself is told to the caller in any case; a full disk must not replace it by another.
    let _ = statement::write(shard, |shard| {
        let progress = steps::Progress {
            state: StepState::Failed,
            hashes: &[],
            intent: None,
            failure: Some(failure),
        };
        steps::write(&shard.connection, &project, job, &progress)
    });
}

/// Milliseconds of each job, once all are committed.
fn transact(shard: &mut Shard, jobs: &[Job], notes: &dyn Fn(Note)) -> Result<Vec<u64>, Stopped> {
    let Some(last) = jobs.last() else {
        return Ok(Vec::new());
    };
    let keys = agree(jobs)?;
    let enforced = keys.iter().any(|keys| keys.enforced);
    shard
        .connection
        .pragma_update(None, "foreign_keys", enforced)
        .map_err(|error| fail(last, None, error.into()))?;
    statement::begin(shard, &last.limits).map_err(|trouble| fail(last, None, trouble))?;
    let rows = history::read(&shard.connection, &shard.tables)
        .map_err(|error| fail(last, None, error.into()))?;
    shard.sealed.store(true, Ordering::SeqCst);
    let mut millis = Vec::with_capacity(jobs.len());
    for (job, keys) in jobs.iter().zip(keys) {
        if history::has(&rows, job) {
            return Err(fail(job, None, already()));
        }
        let begun = Instant::now();
        one(shard, job, keys, notes)?;
        millis.push(elapsed(begun));
        record(shard, job, elapsed(begun)).map_err(|error| fail(job, None, error.into()))?;
    }
    shard.sealed.store(false, Ordering::SeqCst);
    statement::commit(shard, &last.limits).map_err(|trouble| at_commit(last, trouble))?;
    Ok(millis)
}

/// One job's statements; where it had foreign keys switched off, with the references it may have broken.
fn one(shard: &Shard, job: &Job, keys: ForeignKeys, notes: &dyn Fn(Note)) -> Result<(), Stopped> {
    if !keys.check {
        return statements(shard, job, notes);
    }
    let before =
        references::broken(&shard.connection).map_err(|error| fail(job, None, error.into()))?;
    statements(shard, job, notes)?;
    references::check(&shard.connection, &before).map_err(|trouble| fail(job, None, trouble))
}

fn statements(shard: &Shard, job: &Job, notes: &dyn Fn(Note)) -> Result<(), Stopped> {
    let total = job.script.statements.len();
    for (index, cut) in job.script.statements.iter().enumerate() {
        statement::run(shard, job.script.sql(cut), &job.limits).map_err(|trouble| {
            let trouble = match trouble.is_sealed_commit() {
                true => ended(),
                false => trouble,
            };
            fail(job, Some(index), trouble)
        })?;
        if shard.connection.is_autocommit() {
            return Err(fail(job, Some(index), ended()));
        }
        tell(job, index + 1, total, notes);
    }
    Ok(())
}

/// Says how far a job is, at most some sixty-four times.
pub(super) fn tell(job: &Job, done: usize, total: usize, notes: &dyn Fn(Note)) {
    if done == total || done.is_multiple_of(total.div_ceil(64)) {
        notes(Note::Statement {
            migration: job.migration.clone(),
            done: done as u32,
            total: total as u32,
        });
    }
}

fn record(shard: &Shard, job: &Job, millis: u64) -> rusqlite::Result<()> {
    history::add(&shard.connection, &shard.tables, job, millis)?;
    steps::forget(&shard.connection, &shard.target.project, &job.migration)
}

/// How each job wants its foreign keys, which is the same for all; refuses what can't be wrapped before anything is touched.
fn agree(jobs: &[Job]) -> Result<Vec<ForeignKeys>, Stopped> {
    let mut agreed: Vec<ForeignKeys> = Vec::with_capacity(jobs.len());
    for job in jobs {
        for (index, cut) in job.script.statements.iter().enumerate() {
            if matches!(
                cut.tx,
                Tx::Control(TxControl::Begin | TxControl::Commit | TxControl::Rollback)
            ) {
                return Err(fail(job, Some(index), own_transaction()));
            }
        }
        let keys = hoist::foreign_keys(&job.script)
            .map_err(|(index, trouble)| fail(job, Some(index), trouble))?;
        if agreed
            .first()
            .is_some_and(|first| first.enforced != keys.enforced)
        {
            return Err(fail(job, None, disagree()));
        }
        agreed.push(keys);
    }
    Ok(agreed)
}

fn at_commit(job: &Job, trouble: Trouble) -> Stopped {
    if trouble.is_of_the_disk() {
        return Stopped::Unknown(Box::new(Doubt {
            migration: Some(job.migration.clone()),
            place: None,
            why: format!("the disk failed at COMMIT: {}", trouble.message),
            needs_person: false,
        }));
    }
    fail(job, None, trouble)
}

fn fail(job: &Job, statement: Option<usize>, trouble: Trouble) -> Stopped {
    Stopped::Failed(Box::new(failure(job, statement, trouble, Left::Nothing)))
}

fn elapsed(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn already() -> Trouble {
    Trouble::own(
        FailureClass::Conflict,
        "the shard's history already has it: another program applied it meanwhile",
        "Look at `greylag status`, then run again.",
    )
}

fn ended() -> Trouble {
    Trouble::own(
        FailureClass::Conflict,
        "the statement ended Greylag's transaction",
        "Leave COMMIT, ROLLBACK and OR ROLLBACK out of the file; or put `-- greylag:transaction off` at its top.",
    )
}

fn own_transaction() -> Trouble {
    Trouble::own(
        FailureClass::Refused,
        "the file has a transaction of its own and can't be wrapped in Greylag's",
        "Take its BEGIN and COMMIT out, or put `-- greylag:transaction off` at its top.",
    )
}

fn disagree() -> Trouble {
    Trouble::own(
        FailureClass::Refused,
        "its PRAGMA foreign_keys differs from that of a file in the same transaction",
        "Run again with `group = \"off\"` in [rollout].",
    )
}
