//! Where a run that goes statement by statement stands, and its messages.

use std::time::Instant;

use greylag_core::{outcome::Left, script::Tx, survey::StepState};

use super::{
    guard::Guard,
    history::StepWrite,
    link::{Trouble, position},
    message::{Message, What},
    session::PgSession,
    stepwise::Stop,
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
            let row = self.insert_history(walk.job, &walk.guard, &millis, None);
            message.push(What::History { job: 0 }, &row);
        }
    }

    pub(super) fn push(&self, walk: &Walk<'_>, message: &mut Message, index: usize) {
        let what = What::File {
            job: 0,
            statement: index,
        };
        message.push(what, walk.sql(index));
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

    /// Sends a message whose success means that `done` statements stand.
    pub(super) async fn send(
        &mut self,
        walk: &mut Walk<'_>,
        message: &Message,
        done: usize,
    ) -> Result<(), (What, Trouble)> {
        let mut text = message.text().to_owned();
        let last = done == walk.total();
        if last {
            text.push_str(self.position_sql());
        }
        let keep = message.len();
        let answer = self.link.run(&text, keep).await;
        walk.warnings.extend(self.warnings());
        match answer.trouble {
            Some(trouble) if answer.completed < message.len() => {
                let at = match &trouble {
                    Trouble::Server(said) => position(said),
                    Trouble::Lost(_) => None,
                };
                Err((message.spot(answer.completed, at).what, trouble))
            }
            _ => {
                walk.done = done;
                let row = answer.rows.first();
                walk.position = row.and_then(|(_, row)| self.position_of(row));
                Ok(())
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
