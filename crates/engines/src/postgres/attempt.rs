//! The pieces of an attempt that every way of running a job shares: what comes before a file and after it.

use greylag_core::outcome::{Failure, FailureClass};
use std::sync::atomic::Ordering;

use super::{
    guard::{self, Guard},
    message::{Message, What},
    session::PgSession,
};
use crate::job::Job;

impl PgSession {
    /// What an earlier file left of its settings goes; the project's own session SQL holds again.
    pub(super) fn reset(&self, message: &mut Message, open: bool) {
        message.push(What::Head, "RESET ALL");
        message.push(What::Head, "RESET SESSION AUTHORIZATION");
        message.push(What::Head, "RESET ROLE");
        if self.target.session_sql.is_empty() {
            return;
        }
        // A SELECT of the project's would take the snapshot of the transaction it is in; a file's SET TRANSACTION
        // needs one that has none yet.
        if !open {
            message.push(What::Head, "BEGIN");
        }
        for sql in self.target.session_sql.iter() {
            message.push(What::Head, sql.trim().trim_end_matches(';'));
        }
        if !open {
            message.push(What::Head, "COMMIT");
        }
    }

    /// The limits of a job and the guard's token, for the transaction.
    pub(super) fn limits(&self, message: &mut Message, job: &Job, guard: &Guard) {
        let wait = job.limits.lock_timeout.as_millis().max(1);
        message.push(What::Head, &format!("SET LOCAL lock_timeout = {wait}"));
        if let Some(limit) = job.limits.statement_timeout {
            let limit = limit.as_millis().max(1);
            message.push(
                What::Head,
                &format!("SET LOCAL statement_timeout = {limit}"),
            );
        }
        message.push(What::Head, &guard.set());
    }

    /// The history row, written as the role that the project's session SQL left us.
    pub(super) fn finish(
        &self,
        message: &mut Message,
        number: usize,
        job: &Job,
        guard: &Guard,
        since: &str,
    ) {
        self.own_role(message, What::Tail { job: number });
        let history = self.insert_history(job, guard, since);
        message.push(What::History { job: number }, &history);
        let forget = match (&self.steps, self.tables) {
            (Some(steps), _) => steps.contains(&job.migration),
            (None, Some(tables)) => tables.step,
            (None, None) => true,
        };
        if forget {
            let forget = self.forget_step(&job.migration);
            message.push(What::Tail { job: number }, &forget);
        }
    }

    /// A file may have changed who we are; our rows are written by whoever the project's session SQL makes us.
    pub(super) fn own_role(&self, message: &mut Message, what: What) {
        message.push(what, "SET LOCAL SESSION AUTHORIZATION DEFAULT");
        message.push(what, "SET LOCAL ROLE NONE");
        for sql in self.target.session_sql.iter() {
            let words = guard::words(sql, 4);
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            let rest = match words[..] {
                ["set", "role", ..] => 2,
                ["set", "session" | "local", "role", ..] => 3,
                _ => continue,
            };
            if let Some(role) = role(sql, rest) {
                message.push(what, &format!("SET LOCAL ROLE {role}"));
            }
        }
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        self.link
            .notices()
            .into_iter()
            .map(|(code, text)| match code.as_str() {
                // Said by a COMMIT that was cancelled while it waited for a standby.
                "01000" if text.contains("synchronous replication") => {
                    format!("{text}: applied on the primary, not safely replicated")
                }
                _ => text,
            })
            .collect()
    }

    /// The server has one code for a person's cancel and for a statement's timeout.
    pub(super) fn mend_class(&self, job: &Job, failure: &mut Failure) {
        let cancelled = self.cancelled.load(Ordering::Relaxed);
        if failure.code.as_deref() == Some("57014") && !cancelled {
            if let Some(limit) = job.limits.statement_timeout {
                failure.class = FailureClass::Other;
                failure.hint = Some(format!(
                    "The statement ran longer than its limit of {} ms; raise the limit, or do less in one statement.",
                    limit.as_millis()
                ));
            }
        }
    }

    /// Whether `status` should still show a failure when this run is forgotten.
    pub(super) fn worth_remembering(&self, failure: &Failure) -> bool {
        !failure.class.is_transient() && failure.class != FailureClass::Cancelled
    }
}

/// What follows the first words of a statement.
fn role(sql: &str, words: usize) -> Option<&str> {
    let mut rest = sql.trim();
    for _ in 0..words {
        rest = rest.split_once(char::is_whitespace)?.1.trim_start();
    }
    Some(rest.trim_end_matches(';').trim())
}
