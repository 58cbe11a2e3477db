//! What a file may not do to the session that carries it, and the check that it did not.

use greylag_core::script::{Tx, TxControl};
use tokio_postgres::error::DbError;
use uuid::Uuid;

use super::failure::refusal;
use crate::job::Job;
use greylag_core::outcome::Failure;

/// Why a row of ours was refused by its own guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tripped {
    /// The file ended the transaction.
    Ended,
    /// The shard's lock is somebody else's.
    Unlocked,
}

/// Whether a refusal is the guard's: it leaves a column without its value, which the table does not take.
pub fn tripped(said: &DbError) -> Option<Tripped> {
    if said.code().code() != "23502" {
        return None;
    }
    match said.column()? {
        "installed_rank" | "state" => Some(Tripped::Ended),
        "description" | "statements_done" => Some(Tripped::Unlocked),
        _ => None,
    }
}

/// One attempt's token, known to its transaction only.
pub struct Guard {
    token: Uuid,
}

impl Guard {
    pub fn new() -> Self {
        Self {
            token: Uuid::new_v4(),
        }
    }

    /// At the head of the transaction: gone with it.
    pub fn set(&self) -> String {
        format!("SET LOCAL greylag.step = '{}'", self.token)
    }

    /// `value` in the transaction that the attempt began, and no value anywhere else.
    pub fn own(&self, value: &str) -> String {
        let token = self.token;
        format!(
            "CASE pg_catalog.current_setting('greylag.step', true) WHEN '{token}' THEN {value} END"
        )
    }
}

/// `value` while these locks are ours, and no value otherwise: a lock that is ours can be had once more.
pub fn locked(keys: &[i64], value: &str) -> String {
    keys.iter().fold(value.to_owned(), |value, key| {
        format!("CASE WHEN pg_catalog.pg_try_advisory_xact_lock({key}) THEN {value} END")
    })
}

/// A statement that no file may have: the text's own rules, asked again where the harm would be done.
pub fn forbidden(job: &Job) -> Option<Failure> {
    let refused = job.script.refusals().into_iter().next()?;
    let place = job.script.place(&job.script_name, refused.statement);
    let message = format!("the statement {}", refused.why);
    Some(refusal(job, message, place, Some(refused.hint.to_owned())))
}

/// A file that ends transactions by itself can't run in ours.
pub fn controls(job: &Job) -> Option<Failure> {
    let (index, _) = job.script.statements.iter().enumerate().find(|(_, s)| {
        matches!(
            s.tx,
            Tx::Control(TxControl::Begin | TxControl::Commit | TxControl::Rollback)
        )
    })?;
    Some(refusal(
        job,
        "the file has transactions of its own, and was asked to run in one of Greylag's".into(),
        job.script.place(&job.script_name, index),
        Some("Take out its BEGIN and COMMIT, or `-- greylag:transaction on`.".into()),
    ))
}
