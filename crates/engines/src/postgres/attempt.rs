//! The pieces of an attempt that every way of running a job shares: what comes before a file and after it.

use greylag_core::outcome::{Failure, FailureClass};
use std::sync::atomic::Ordering;

use super::{
    guard::Guard,
    message::{Message, What},
    names::{Reader, tokens},
    session::PgSession,
};
use crate::{error::EngineError, job::Job};

/// Back to what the session was opened with.
pub(super) const RESETS: [&str; 3] = ["RESET ALL", "RESET SESSION AUTHORIZATION", "RESET ROLE"];

/// Ends the transaction that a message's statements share until its first COMMIT. It has taken no snapshot.
pub(super) const ANEW: [&str; 2] = ["BEGIN", "COMMIT"];

/// When a later job of a shared transaction began; a snapshot was taken before it anyway.
const SINCE: &str =
    "SELECT pg_catalog.set_config('greylag.since', pg_catalog.clock_timestamp()::text, true)";

impl PgSession {
    /// What an earlier file left of its settings goes; the project's own session SQL holds again.
    pub(super) fn reset(&self, message: &mut Message, open: bool) {
        for sql in RESETS {
            message.push(What::Head, sql);
        }
        if !open {
            // A transaction has its isolation, and whether it may write, from the defaults at its start: the one that
            // the resets began has them from the earlier file, and only the next one has those of the session.
            for sql in ANEW {
                message.push(What::Head, sql);
            }
        }
        self.own_settings(message, What::Head, open);
    }

    /// A reset where there is anything to reset.
    pub(super) fn reset_if_worn(&self, message: &mut Message) {
        if self.worn {
            self.reset(message, false);
        }
    }

    /// A reset behind the last COMMIT of a message: the next one begins with its own transaction, which then has the session's
    /// defaults by itself.
    pub(super) fn renew(&self, message: &mut Message) {
        for sql in RESETS {
            message.push(What::Renewal, sql);
        }
        if !self.target.session_sql.is_empty() {
            for sql in ANEW {
                message.push(What::Renewal, sql);
            }
            self.own_settings(message, What::Renewal, false);
        }
    }

    fn own_settings(&self, message: &mut Message, what: What, open: bool) {
        if self.target.session_sql.is_empty() {
            return;
        }
        // A SELECT of the project's would take the snapshot of the transaction it is in; a file's SET TRANSACTION
        // needs one that has none yet.
        if !open {
            message.push(what, "BEGIN");
        }
        for sql in self.target.session_sql.iter() {
            message.push(what, sql.trim().trim_end_matches(';'));
        }
        if !open {
            message.push(what, "COMMIT");
        }
    }

    /// Resets a session that carried jobs: a search path of theirs would have us look into another schema, a read-only
    /// default take the shard for a replica. A round trip, for a session that is used again only.
    pub(super) async fn refresh(&mut self) -> Result<(), EngineError> {
        if !self.worn {
            return Ok(());
        }
        let mut message = Message::default();
        self.reset(&mut message, false);
        let answer = self.link.run(message.text(), usize::MAX).await;
        self.link.hush();
        if let Some(trouble) = answer.trouble {
            let broken = self.broken("resetting the session", Some(trouble));
            self.link.run("ROLLBACK", usize::MAX).await;
            self.link.hush();
            return Err(broken);
        }
        self.worn = false;
        Ok(())
    }

    /// What a job's file finds: the settings of the project, its limits, the guard's token.
    pub(super) fn before(&self, message: &mut Message, number: usize, job: &Job, guard: &Guard) {
        if number > 0 {
            // A file's own settings end with the file, in a shared transaction too.
            self.reset(message, true);
        }
        self.limits(message, job, guard);
        if number > 0 {
            message.push(What::Head, SINCE);
        }
    }

    /// The limits of a job and the guard's token, for the transaction.
    fn limits(&self, message: &mut Message, job: &Job, guard: &Guard) {
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
        let history = self.insert_history(job, guard, &millis, rank);
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
        for sql in self.target.session_sql.iter() {
            let words = tokens(sql, 8);
            let mut reader = Reader(&words);
            if !reader.eat(&["SET"]) {
                continue;
            }
            if !reader.eat(&["SESSION"]) {
                reader.eat(&["LOCAL"]);
            }
            if reader.eat(&["ROLE"]) {
                reader.eat(&["TO"]);
                message.push(what, &format!("SET LOCAL ROLE {}", reader.peek()));
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
