//! Where a run that goes statement by statement stands, and its messages.

use std::time::Instant;

use greylag_core::{outcome::Left, script::Tx, survey::StepState};

use super::{
    guard::{self, Guard},
    history::StepWrite,
    link::{Trouble, position},
    message::{Message, What},
    session::PgSession,
    stepwise::Stop,
    verdict::Verdict,
};
use crate::{
    job::{Job, Note, Progress},
    session::Position,
};

/// Where a run stands.
pub struct Walk<'a> {
    pub job: &'a Job,
    pub progress: Progress<'a>,
    pub guard: Guard,
    /// Of all statements of the file.
    pub hashes: Vec<String>,
    /// So many statements stand, and the step row says so.
    pub done: usize,
    /// The file's own transaction is open.
    pub open: bool,
    pub started: Instant,
    pub warnings: Vec<String>,
    pub position: Option<Position>,
}

impl<'a> Walk<'a> {
    pub fn total(&self) -> usize {
        self.job.script.statements.len()
    }

    pub fn sql(&self, index: usize) -> &'a str {
        self.job.script.sql(&self.job.script.statements[index])
    }

    pub fn left(&self) -> Left {
        match self.done {
            0 => Left::Nothing,
            done => Left::Partial {
                done: done as u32,
                total: self.total() as u32,
            },
        }
    }

    /// The job's limits, for the session: each statement has a transaction of its own.
    pub(super) fn limits(&self, message: &mut Message) {
        let limits = &self.job.limits;
        let wait = limits.lock_timeout.as_millis().max(1);
        message.push(What::Head, &format!("SET lock_timeout = {wait}"));
        if let Some(limit) = limits.statement_timeout {
            let limit = limit.as_millis().max(1);
            message.push(What::Head, &format!("SET statement_timeout = {limit}"));
        }
    }

    /// A note that could not be written is no failure of the file.
    pub(super) fn warn(&self, noted: Result<(), String>) {
        if let Err(text) = noted {
            (self.progress)(Note::Warning {
                migration: self.job.migration.clone(),
                text,
            });
        }
    }

    pub(super) fn tell(&self, done: usize) {
        (self.progress)(Note::Statement {
            migration: self.job.migration.clone(),
            done: done as u32,
            total: self.total() as u32,
        });
    }
}

impl PgSession {
    /// The rows that say how far the file has come; with the last statement, the history row.
    pub(super) fn tail(&self, walk: &Walk<'_>, message: &mut Message, done: usize) {
        let what = What::Tail { job: 0 };
        self.own_role(message, what);
        let finished = done == walk.total();
        let write = StepWrite {
            state: match finished {
                true => StepState::Applied,
                false => StepState::Running,
            },
            done,
            hashes: &walk.hashes[..done],
            intent: None,
            failure: None,
        };
        let row = self.write_step(walk.job, &write, Some(&walk.guard));
        message.push(What::History { job: 0 }, &row);
        if finished {
            if let Some(forget) = self.forget_failed(&walk.job.migration) {
                message.push(What::Tail { job: 0 }, &forget);
            }
            let millis = walk.started.elapsed().as_millis().to_string();
            let row = self.insert_history(walk.job, &walk.guard, 0, &millis, None);
            message.push(What::History { job: 0 }, &row);
        }
    }

    pub(super) fn push(&self, walk: &Walk<'_>, message: &mut Message, index: usize) {
        let what = What::File {
            job: 0,
            statement: index,
        };
        message.push(what, walk.sql(index));
        if guard::resets_all(walk.sql(index)) {
            // It takes Greylag's own settings with the file's.
            walk.limits(message);
            message.push(What::Head, &walk.guard.set());
        }
    }

    /// Adds a statement; one with data is sent with what comes before it, and its data after it.
    pub(super) async fn statement(
        &mut self,
        walk: &Walk<'_>,
        message: &mut Message,
        index: usize,
    ) -> Result<(), Trouble> {
        let statement = &walk.job.script.statements[index];
        let Some(data) = statement.copy_data.clone() else {
            self.push(walk, message, index);
            return Ok(());
        };
        let before = std::mem::take(message);
        if !before.is_empty()
            && let Some(trouble) = self.link.run(before.text(), usize::MAX).await.trouble
        {
            return Err(trouble);
        }
        self.link
            .copy_in(walk.sql(index), &walk.job.script.text[data])
            .await
    }

    /// Sends a message whose COMMIT means that `done` statements stand.
    pub(super) async fn send(
        &mut self,
        walk: &mut Walk<'_>,
        message: &Message,
        done: usize,
    ) -> Result<(), (What, Trouble)> {
        let mut text = message.text().to_owned();
        let last = done == walk.total();
        if last {
            // Whatever the file has made of the session's defaults: a deferrable transaction's snapshot waits for writers.
            let position = self.position_sql(&walk.guard.placed());
            text.push_str(&format!(
                "BEGIN ISOLATION LEVEL READ COMMITTED; {position}; COMMIT"
            ));
        }
        let mut answer = self.link.run_marked(&text, walk.guard.token()).await;
        walk.warnings.extend(self.warnings());
        let verdict = self.verdict(&answer, &walk.guard).await;
        let trouble = answer.trouble.take();
        match (verdict, trouble) {
            (Verdict::Committed, trouble) => {
                let placed = answer.marked(&walk.guard.placed());
                walk.position = placed.and_then(|row| self.position_of(row));
                walk.done = done;
                walk.guard.next();
                match trouble {
                    // The file's next transaction was not begun.
                    Some(trouble) if !last => Err((What::After, trouble)),
                    _ => Ok(()),
                }
            }
            (Verdict::RolledBack { .. }, Some(trouble)) => {
                let at = match &trouble {
                    Trouble::Server(said) => position(said),
                    _ => None,
                };
                Err((message.spot(answer.completed, at).what, trouble))
            }
            (_, Some(trouble @ Trouble::Lost(_))) => Err((What::Commit, trouble)),
            (Verdict::Unknown(why), _) => Err((What::Commit, Trouble::Unsaid(why))),
            (Verdict::RolledBack { .. }, None) => {
                let why = "nothing was refused, and nothing was committed".into();
                Err((What::Commit, Trouble::Unsaid(why)))
            }
        }
    }

    /// Sends statements that commit nothing by themselves.
    pub(super) async fn sent(
        &mut self,
        walk: &mut Walk<'_>,
        message: &Message,
        index: usize,
    ) -> Result<(), Stop> {
        let answer = self.link.run(message.text(), usize::MAX).await;
        walk.warnings.extend(self.warnings());
        match answer.trouble {
            None => Ok(()),
            Some(trouble) => Err(self.stopped(walk, index, trouble).await),
        }
    }

    /// The character of a statement that the server points at, where the statement went alone or after a known head.
    pub(super) fn within(
        &self,
        walk: &Walk<'_>,
        index: usize,
        said: &tokio_postgres::error::DbError,
    ) -> Option<usize> {
        let at = position(said)? as usize - 1;
        let mut message = Message::default();
        if !walk.open
            && !matches!(
                walk.job.script.statements[index].tx,
                Tx::Cannot(_) | Tx::Control(_)
            )
        {
            message.push(What::Head, "BEGIN");
            message.push(What::Head, &walk.guard.set());
        }
        self.push(walk, &mut message, index);
        message.spot(usize::MAX, Some(at as u32 + 1)).at
    }
}
