//! What a file may not do to the session that carries it, and the check that it did not.

use greylag_core::script::{Tx, TxControl};
use tokio_postgres::error::DbError;
use uuid::Uuid;

use super::{failure::refusal, names::tokens};
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

/// Whether a refusal is the guard's: it leaves a column of ours without its value, which the table does not take.
pub fn tripped(said: &DbError, history: &str) -> Option<Tripped> {
    if said.code().code() != "23502" {
        return None;
    }
    let ours = |table: &str| table == history;
    match (said.table()?, said.column()?) {
        (table, "installed_rank") if ours(table) => Some(Tripped::Ended),
        (table, "description") if ours(table) => Some(Tripped::Unlocked),
        ("greylag_step", "state") => Some(Tripped::Ended),
        ("greylag_step", "statements_done") => Some(Tripped::Unlocked),
        _ => None,
    }
}

/// One attempt's token, known to its transaction only.
pub struct Guard {
    token: String,
    /// How many of its transactions were ended so far.
    ended: usize,
}

impl Guard {
    /// Shows the token to the client, in the transaction that has it.
    pub const SHOWN: &str = "SHOW greylag.step";

    pub fn new() -> Self {
        Self {
            token: Uuid::new_v4().to_string(),
            ended: 0,
        }
    }

    /// Another transaction of the same attempt, whose mark is its own.
    pub fn next(&mut self) {
        self.ended += 1;
    }

    /// At the head of the transaction: gone with it.
    pub fn set(&self) -> String {
        format!("SET LOCAL greylag.step = '{}'", self.token)
    }

    /// What [`Self::set`] shows.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// At the end of the transaction: kept if that is committed, and gone with it otherwise.
    pub fn mark(&self) -> String {
        format!("SET greylag.committed = '{}'", self.marked())
    }

    pub fn marked(&self) -> String {
        format!("{} committed {}", self.token, self.ended)
    }

    /// What the row of a job's history begins with in the answer.
    pub fn written(&self, job: usize) -> String {
        format!("{} wrote {job}", self.token)
    }

    /// What the row of the position begins with.
    pub fn placed(&self) -> String {
        format!("{} stands", self.token)
    }

    /// `value` in the transaction that the attempt began, and no value anywhere else.
    pub fn own(&self, value: &str) -> String {
        let token = &self.token;
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

/// RESET ALL, which takes the guard's token and the limits away with the file's own settings.
pub fn resets_all(sql: &str) -> bool {
    let words = tokens(sql, 3);
    words.len() == 2
        && words[0].eq_ignore_ascii_case("RESET")
        && words[1].eq_ignore_ascii_case("ALL")
}

/// Whether a file's own statements can have ended a transaction and begun another one, however its text is cut: they must have the
/// words. A function can't, within a transaction block.
pub fn can_begin_another(job: &Job) -> bool {
    let text = job.script.text.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    has(&["COMMIT", "ROLLBACK", "ABORT", "END", "PREPARE"]) && has(&["BEGIN", "START", "CHAIN"])
}

/// A statement that no file may have: the text's own rules, asked again where the harm would be done.
pub fn forbidden(job: &Job) -> Option<Failure> {
    let refused = job.script.refusals().first()?;
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
