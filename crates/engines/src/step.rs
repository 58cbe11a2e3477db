//! Greylag's progress rows as every engine writes them, and whether a run may resume after one.
//!
//! Knows no SQL: engines store the texts made here in `greylag_step` and hand them back.

use greylag_core::{
    outcome::Failure,
    script::Script,
    survey::{Intent, StepRow, StepState},
};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The columns of a `greylag_step` row, as texts of the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepColumns {
    pub migration: String,
    pub state: String,
    pub rollout: String,
    pub epoch: String,
    pub statements_done: String,
    pub statements_total: String,
    pub hashes: String,
    pub intent: Option<String>,
    pub failure: Option<String>,
}

/// A step row that another version of Greylag, or a hand, wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column `{column}` says `{text}`: {why}")]
pub struct StepError {
    pub column: &'static str,
    pub text: String,
    pub why: String,
}

/// Where a run of a migration begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The first statement to run, from 0.
    pub from: usize,
    /// What was about to happen when the last run ended; to be settled before anything runs.
    pub intent: Option<Intent>,
}

/// The file's finished prefix is no longer what was run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{done} of the file's statements are already done on this shard, and statement {statement} is no longer the one that ran"
)]
pub struct PrefixChanged {
    pub done: usize,
    /// From 1; may lie past the end of the file.
    pub statement: usize,
}

/// Reads a row.
pub fn decode(columns: &StepColumns) -> Result<StepRow, StepError> {
    let column = |column: &'static str, text: &str, why: String| StepError {
        column,
        text: text.chars().take(80).collect(),
        why,
    };
    let json = |name: &'static str,
                text: &Option<String>|
     -> Result<serde_json::Value, StepError> {
        match text {
            None => Ok(serde_json::Value::Null),
            Some(text) => serde_json::from_str(text).map_err(|e| column(name, text, e.to_string())),
        }
    };
    let number = |name: &'static str, text: &str| -> Result<u64, StepError> {
        text.parse()
            .map_err(|e: std::num::ParseIntError| column(name, text, e.to_string()))
    };
    Ok(StepRow {
        migration: columns
            .migration
            .parse()
            .map_err(|e| column("migration", &columns.migration, format!("{e}")))?,
        state: match columns.state.as_str() {
            "running" => StepState::Running,
            "applied" => StepState::Applied,
            "failed" => StepState::Failed,
            other => {
                return Err(column(
                    "state",
                    other,
                    "`running`, `applied` or `failed` is expected".into(),
                ));
            }
        },
        rollout: columns.rollout.clone(),
        epoch: number("epoch", &columns.epoch)?,
        statements_done: number("statements_done", &columns.statements_done)? as u32,
        statements_total: number("statements_total", &columns.statements_total)? as u32,
        hashes: serde_json::from_str(&columns.hashes)
            .map_err(|e| column("hashes", &columns.hashes, e.to_string()))?,
        intent: serde_json::from_value(json("intent", &columns.intent)?).map_err(|e| {
            column(
                "intent",
                columns.intent.as_deref().unwrap_or(""),
                e.to_string(),
            )
        })?,
        failure: serde_json::from_value(json("failure", &columns.failure)?).map_err(|e| {
            column(
                "failure",
                columns.failure.as_deref().unwrap_or(""),
                e.to_string(),
            )
        })?,
    })
}

/// The text of the `state` column.
pub fn state(state: StepState) -> &'static str {
    match state {
        StepState::Running => "running",
        StepState::Applied => "applied",
        StepState::Failed => "failed",
    }
}

/// The text of the `hashes` column.
pub fn hashes(hashes: &[String]) -> String {
    serde_json::Value::from(hashes.to_vec()).to_string()
}

/// The text of the `intent` column.
pub fn intent(intent: &Intent) -> String {
    serde_json::to_value(intent).map_or_else(|_| "null".into(), |v| v.to_string())
}

/// The text of the `failure` column.
pub fn failure(failure: &Failure) -> String {
    serde_json::to_value(failure).map_or_else(|_| "null".into(), |v| v.to_string())
}

/// The hash of each statement of a script, in order: the first 16 hexadecimal digits of SHA-256 of its text.
pub fn hash_all(script: &Script) -> Vec<String> {
    script
        .statements
        .iter()
        .map(|statement| hash(script.sql(statement)))
        .collect()
}

/// The hash of a statement's text.
pub fn hash(sql: &str) -> String {
    let digest = Sha256::digest(sql.as_bytes());
    digest.iter().take(8).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Where to begin, given what the shard remembers of the migration and the hashes of the file's statements now.
pub fn resume(row: Option<&StepRow>, now: &[String]) -> Result<Resume, PrefixChanged> {
    let Some(row) = row else {
        return Ok(Resume {
            from: 0,
            intent: None,
        });
    };
    let done = row.statements_done as usize;
    for at in 0..done {
        if row.hashes.get(at).is_none() || row.hashes.get(at) != now.get(at) {
            return Err(PrefixChanged {
                done,
                statement: at + 1,
            });
        }
    }
    Ok(Resume {
        from: done,
        intent: row.intent.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(done: u32, hashes: &[&str]) -> StepRow {
        StepRow {
            migration: "V1".parse().unwrap(),
            state: StepState::Running,
            rollout: "r".into(),
            epoch: 1,
            statements_done: done,
            statements_total: 3,
            hashes: hashes.iter().map(|h| h.to_string()).collect(),
            intent: None,
            failure: None,
        }
    }

    fn owned(hashes: &[&str]) -> Vec<String> {
        hashes.iter().map(|h| h.to_string()).collect()
    }

    #[test]
    fn a_run_resumes_after_an_unchanged_prefix() {
        let resume = resume(Some(&row(2, &["a", "b"])), &owned(&["a", "b", "x", "y"])).unwrap();
        assert_eq!(resume.from, 2);
    }

    #[test]
    fn a_changed_prefix_is_refused_by_the_number_of_its_statement() {
        let refused = super::resume(Some(&row(2, &["a", "b"])), &owned(&["a", "x"])).unwrap_err();
        assert_eq!((refused.done, refused.statement), (2, 2));
        let shorter = super::resume(Some(&row(2, &["a", "b"])), &owned(&["a"])).unwrap_err();
        assert_eq!(shorter.statement, 2);
    }

    #[test]
    fn a_row_reads_as_it_was_written() {
        let mut written = row(1, &["a"]);
        written.intent = Some(Intent {
            statement: 1,
            hash: "b".into(),
            before: serde_json::json!({"indexes": []}),
        });
        let columns = StepColumns {
            migration: written.migration.to_string(),
            state: state(written.state).into(),
            rollout: written.rollout.clone(),
            epoch: "1".into(),
            statements_done: "1".into(),
            statements_total: "3".into(),
            hashes: hashes(&written.hashes),
            intent: written.intent.as_ref().map(intent),
            failure: None,
        };
        assert_eq!(decode(&columns).unwrap(), written);
    }

    #[test]
    fn a_row_of_another_hand_is_named_by_its_column() {
        let columns = StepColumns {
            migration: "V1".into(),
            state: "half".into(),
            epoch: "1".into(),
            ..StepColumns::default()
        };
        assert_eq!(decode(&columns).unwrap_err().column, "state");
    }
}
