//! What a file may not do to the session that carries it, and the check that it did not.

use greylag_core::script::{Tx, TxControl};
use uuid::Uuid;

use super::failure::refusal;
use crate::job::Job;
use greylag_core::outcome::Failure;

/// How the failing casts of the guard begin, in any language of the server.
pub const MARK: &str = "greylag guard:";
pub const ENDED: &str = "greylag guard: the file ended the transaction";
pub const LOST: &str = "greylag guard: somebody else has the lock of this shard";

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

    /// An expression that is `value` while the transaction and the locks are still ours, and an error otherwise.
    pub fn around(&self, keys: &[i64], value: &str) -> String {
        let step = "pg_catalog.current_setting('greylag.step', true)";
        let mut cases = format!(
            "CASE WHEN {step} IS DISTINCT FROM '{}' THEN pg_catalog.concat('{ENDED} ', pg_catalog.left({step}, 0))::integer",
            self.token
        );
        for key in keys {
            // Counts up a lock that is ours, and can't have one that is not.
            cases += &format!(
                " WHEN NOT pg_catalog.pg_try_advisory_xact_lock({key}) THEN pg_catalog.concat('{LOST}', pg_catalog.left({step}, 0))::integer"
            );
        }
        format!("{cases} ELSE {value} END")
    }
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
