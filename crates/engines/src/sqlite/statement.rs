//! One statement at a time, and the transactions around them.

use super::{connection::PATIENCE, failure::Trouble, shard::Shard};
use crate::job::Limits;
use greylag_core::outcome::FailureClass;
use std::time::{Duration, Instant};

/// How long one try for a lock waits before it looks whether somebody wants it to stop.
const A_TRY: Duration = Duration::from_millis(100);

/// Runs one statement of a file to its end.
pub(super) fn run(shard: &Shard, sql: &str, limits: &Limits) -> Result<(), Trouble> {
    if shard.stop.asked() {
        return Err(cancelled());
    }
    shard.stop.limit(limits.statement_timeout);
    let ran = step_through(shard, sql);
    shard.stop.limit(None);
    ran.map_err(|error| explain(shard, error.into(), limits))
}

/// Begins a write transaction at once: one that reads first and writes later is refused however long it waits.
pub(super) fn begin(shard: &Shard, limits: &Limits) -> Result<(), Trouble> {
    patiently(shard, limits, "BEGIN IMMEDIATE")
}

/// Commits; a reader may keep a commit waiting, which is tried until the lock's time is up.
pub(super) fn commit(shard: &Shard, limits: &Limits) -> Result<(), Trouble> {
    patiently(shard, limits, "COMMIT")
}

/// Undoes the open transaction, if there still is one.
pub(super) fn roll_back(shard: &mut Shard) {
    if shard.connection.is_autocommit() {
        return;
    }
    if shard.connection.execute_batch("ROLLBACK").is_err() {
        // Closing the connection rolls back too; if no new one can be had, the verbs that follow will say why.
        let _ = shard.reopen();
    }
}

/// Runs Greylag's own writes in one transaction.
pub(super) fn write<T>(
    shard: &mut Shard,
    body: impl FnOnce(&Shard) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    shard.connection.busy_timeout(PATIENCE)?;
    shard.connection.execute_batch("BEGIN IMMEDIATE")?;
    let done = body(shard).and_then(|value| {
        shard.connection.execute_batch("COMMIT")?;
        Ok(value)
    });
    if done.is_err() {
        roll_back(shard);
    }
    done
}

fn step_through(shard: &Shard, sql: &str) -> rusqlite::Result<()> {
    let mut statement = shard.connection.prepare(sql)?;
    let mut rows = statement.raw_query();
    while rows.next()?.is_some() {}
    Ok(())
}

fn patiently(shard: &Shard, limits: &Limits, sql: &str) -> Result<(), Trouble> {
    let until = Instant::now() + limits.lock_timeout;
    loop {
        if shard.stop.asked() {
            return Err(cancelled());
        }
        let left = until.saturating_duration_since(Instant::now());
        shard.connection.busy_timeout(left.min(A_TRY))?;
        let tried = shard.connection.execute_batch(sql);
        shard.connection.busy_timeout(limits.lock_timeout)?;
        match tried.map_err(Trouble::from) {
            Err(trouble) if trouble.is_busy() && !left.is_zero() => continue,
            ended => return ended.map_err(|trouble| explain(shard, trouble, limits)),
        }
    }
}

/// An interrupt is a person's or the clock's.
fn explain(shard: &Shard, mut trouble: Trouble, limits: &Limits) -> Trouble {
    if trouble.class == FailureClass::Cancelled {
        if shard.stop.asked() {
            return cancelled();
        }
        if let Some(timeout) = limits.statement_timeout {
            trouble.message = format!("the statement took longer than its limit of {timeout:?}");
            trouble.hint = Some("Raise the statement timeout, or split the statement.".into());
        }
    }
    trouble
}

fn cancelled() -> Trouble {
    Trouble::own(
        FailureClass::Cancelled,
        "cancelled",
        "Run again to take it up where it stopped.",
    )
}
