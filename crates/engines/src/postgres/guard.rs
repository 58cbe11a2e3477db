//! What a file may not do to the session that carries it, and the check that it did not.

use greylag_core::script::{Tx, TxControl};
use uuid::Uuid;

use super::failure::{place, refusal};
use crate::job::Job;
use greylag_core::outcome::Failure;

/// How the failing cast of the guard begins, in any language of the server.
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

/// A statement that a file may not have, whatever its mode.
pub fn forbidden(job: &Job) -> Option<Failure> {
    for (index, statement) in job.script.statements.iter().enumerate() {
        let sql = job.script.sql(statement);
        let words = words(sql, 12);
        let first = words.first().map_or("", String::as_str);
        let no = |message: &str, hint: &str| {
            Some(refusal(
                job,
                message.to_owned(),
                place(job, index, None),
                Some(hint.to_owned()),
            ))
        };
        if first == "discard" && words.get(1).is_some_and(|word| word == "all") {
            return no(
                "DISCARD ALL would let go of the shard's lock",
                "Use RESET ALL, DISCARD PLANS or DISCARD TEMP instead.",
            );
        }
        let calls = matches!(
            first,
            "select" | "with" | "do" | "call" | "values" | "perform"
        );
        if calls && sql.to_ascii_lowercase().contains("pg_advisory_unlock") {
            return no(
                "pg_advisory_unlock could let go of the shard's lock",
                "Use pg_advisory_xact_lock in the migration: it is let go at the commit.",
            );
        }
        if first == "copy" {
            let upper = sql.to_ascii_uppercase();
            if upper.contains("STDOUT") {
                return no(
                    "COPY … TO STDOUT has nobody to send its rows to",
                    "Copy into a table or a file of the server.",
                );
            }
            if upper.contains("STDIN") && statement.copy_data.is_none() {
                return no(
                    "COPY … FROM STDIN has no data after it",
                    "Put the rows on the lines after the statement, and `\\.` on the last one.",
                );
            }
        }
    }
    None
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
        place(job, index, None),
        Some("Take out its BEGIN and COMMIT, or `-- greylag:transaction on`.".into()),
    ))
}

/// The first words of a statement, in lower case, comments left out.
pub fn words(sql: &str, most: usize) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = sql;
    while words.len() < most {
        rest = rest.trim_start_matches(|c: char| !(c.is_alphanumeric() || "_-/\"".contains(c)));
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else if rest.is_empty() {
            break;
        } else {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            if end == 0 {
                let mut chars = rest.chars();
                chars.next();
                rest = chars.as_str();
                continue;
            }
            words.push(rest[..end].to_lowercase());
            rest = &rest[end..];
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_pass_over_comments_and_signs() {
        assert_eq!(
            words("-- drop\n/* create */ DISCARD -- x\n  ALL;", 3),
            ["discard", "all"]
        );
        assert_eq!(
            words("create index \"a b\" on t", 6),
            ["create", "index", "a", "b", "on", "t"]
        );
    }
}
