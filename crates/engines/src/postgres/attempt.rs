//! The pieces of an attempt that every way of running a job shares: what comes before a file and after it.

use greylag_core::outcome::{Failure, FailureClass};
use std::sync::atomic::Ordering;

use super::{
    guard::Guard,
    message::{Message, What},
    names::{Reader, tokens},
    session::PgSession,
};
use crate::job::Job;

/// When a later job of a shared transaction began; a snapshot was taken before it anyway.
const SINCE: &str =
    "SELECT pg_catalog.set_config('greylag.since', pg_catalog.clock_timestamp()::text, true)";

impl PgSession {
    /// What a job's file finds: the settings of the project, its limits, the guard's token.
    pub(super) fn before(&self, message: &mut Message, number: usize, job: &Job, guard: &Guard) {
        if number > 0 {
            // What a file sets and makes ends with it, in a shared transaction too.
            self.clear_between(message, number - 1);
        }
        self.limits(message, job, guard);
        if number > 0 {
            message.push(What::Head, SINCE);
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
        rank: Option<i32>,
    ) {
        self.own_role(message, What::Tail { job: number });
        let since = match number {
            0 => "pg_catalog.now()",
            _ => "pg_catalog.current_setting('greylag.since')::timestamptz",
        };
        // Plain on purpose: LEAST alone costs a fresh backend as much as the rest of the row.
        let millis = format!(
            "pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - {since}) * 1e3::float8"
        );
        let history = self.insert_history(job, guard, number, &millis, rank);
        message.push(What::History { job: number }, &history);
        let forget = match &self.steps {
            Some(steps) => steps.contains(&job.migration),
            None => self.seen().step,
        };
        if forget {
            let forget = self.forget_step(&job.migration);
            message.push(What::Tail { job: number }, &forget);
            if let Some(forget) = self.forget_failed(&job.migration) {
                message.push(What::Tail { job: number }, &forget);
            }
        }
    }

    /// A file may have changed who we are; our rows are written by whoever the project's session SQL makes us.
    pub(super) fn own_role(&self, message: &mut Message, what: What) {
        message.push(what, "SET LOCAL SESSION AUTHORIZATION DEFAULT");
        message.push(what, "SET LOCAL ROLE NONE");
        for sql in &self.session_sql {
            let words = tokens(sql, 20);
            let mut reader = Reader(&words);
            let named = |word: &&&str| word.trim_matches('\'').eq_ignore_ascii_case("role");
            if reader.eat(&["SELECT"]) && words.contains(&"set_config") {
                if words.iter().any(|word| named(&word)) {
                    message.push(what, sql);
                }
                continue;
            }
            if !reader.eat(&["SET"]) {
                continue;
            }
            if !reader.eat(&["SESSION"]) {
                reader.eat(&["LOCAL"]);
            }
            let who = match () {
                () if reader.eat(&["ROLE"]) => "ROLE",
                () if reader.eat(&["AUTHORIZATION"]) => "SESSION AUTHORIZATION",
                () => continue,
            };
            message.push(what, &format!("SET LOCAL {who} {}", reader.peek()));
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
        if failure.code.as_deref() == Some("57014")
            && !cancelled
            && let Some(limit) = job.limits.statement_timeout
        {
            failure.class = FailureClass::Other;
            failure.hint = Some(format!(
                "The statement ran longer than its limit of {} ms; raise the limit, or do less in one statement.",
                limit.as_millis()
            ));
        }
    }

    /// Whether `status` should still show a failure when this run is forgotten.
    pub(super) fn worth_remembering(&self, failure: &Failure) -> bool {
        !failure.class.is_transient() && failure.class != FailureClass::Cancelled
    }
}
