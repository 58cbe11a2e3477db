//! A file statement by statement: each with its step row in one transaction where SQLite allows it, else with an intent
//! before it and a step row after. The file's own transactions get their step row just before their COMMIT.

use super::{
    failure::Trouble,
    history,
    place::failure,
    shard::Shard,
    statement, steps,
    wrapped::{already, tell},
};
use crate::{
    error::EngineError,
    job::{Applied, Attempt, Job, Note},
    step,
};
use greylag_core::{
    outcome::{Failure, FailureClass, Left},
    script::{Statement, Tx, TxControl},
    survey::{Intent, StepState},
};
use std::time::Instant;

/// Runs one job, from where an earlier run left it.
pub(super) fn run(shard: &mut Shard, job: &Job, notes: &dyn Fn(Note)) -> Attempt {
    let begun = Instant::now();
    let mut walk = match Walk::start(shard, job, begun) {
        Ok(walk) => walk,
        Err(failure) => return Attempt::Failed(*failure),
    };
    let ran = walk.run(shard, notes);
    statement::roll_back(shard);
    match ran {
        Ok(()) => {
            let millis = walk.millis();
            notes(Note::Applied {
                migration: job.migration.clone(),
                millis,
            });
            Attempt::Applied(Applied {
                millis,
                position: None,
                warnings: Vec::new(),
            })
        }
        Err((index, trouble)) => {
            let failure = failure(job, index, trouble, walk.left());
            walk.remember(shard, &failure);
            Attempt::Failed(failure)
        }
    }
}

/// Where a run stands.
struct Walk<'a> {
    job: &'a Job,
    begun: Instant,
    /// Of all statements of the file.
    hashes: Vec<String>,
    /// So many statements stand, and the step row says so.
    done: usize,
}

/// What stopped a run: the statement's index, and why.
type Stopped = (Option<usize>, Trouble);

impl<'a> Walk<'a> {
    fn start(shard: &mut Shard, job: &'a Job, begun: Instant) -> Result<Self, Box<Failure>> {
        let mut walk = Walk {
            job,
            begun,
            hashes: step::hash_all(&job.script),
            done: 0,
        };
        let refuse = |trouble| Box::new(failure(job, None, trouble, Left::Nothing));
        let row = steps::find(shard, &job.migration).map_err(|error| refuse(foreign(error)))?;
        let finished = row
            .as_ref()
            .is_some_and(|row| row.state == StepState::Applied);
        if let Some(row) = row.filter(|_| !finished) {
            let resume = step::resume(Some(&row), &walk.hashes).map_err(|changed| {
                let trouble = Trouble::own(
                    FailureClass::Refused,
                    changed.to_string(),
                    "Put the finished statements back as they were, and change only what follows them.",
                );
                let left = Left::Partial {
                    done: changed.done as u32,
                    total: walk.hashes.len() as u32,
                };
                Box::new(failure(job, Some(changed.statement - 1), trouble, left))
            })?;
            walk.done = resume.from;
        }
        let rows = history::read(&shard.connection, &shard.tables)
            .map_err(|error| refuse(error.into()))?;
        if history::has(&rows, job) {
            return Err(refuse(already()));
        }
        Ok(walk)
    }

    fn run(&mut self, shard: &mut Shard, notes: &dyn Fn(Note)) -> Result<(), Stopped> {
        let job = self.job;
        let total = job.script.statements.len();
        for index in 0..self.done {
            // A new session lacks what the finished statements set for those that follow.
            if job.script.statements[index].sets_session() {
                self.execute(shard, index)?;
            }
        }
        for (index, cut) in job.script.statements.iter().enumerate().skip(self.done) {
            let last = index + 1 == total;
            if !shard.connection.is_autocommit() {
                self.inside(shard, index, cut, last)?;
            } else {
                match cut.tx {
                    Tx::Control(control) => self.open(shard, index, control)?,
                    Tx::Can => self.together(shard, index, last)?,
                    _ => self.apart(shard, index)?,
                }
            }
            tell(job, index + 1, total, notes);
        }
        if !shard.connection.is_autocommit() {
            return Err((total.checked_sub(1), left_open()));
        }
        if total == 0 || self.done < total || !self.finished(shard)? {
            self.write(shard, total, true)?;
        }
        Ok(())
    }

    /// The file's own BEGIN (or a SAVEPOINT, which begins too), where nothing is open.
    fn open(&mut self, shard: &mut Shard, index: usize, control: TxControl) -> Result<(), Stopped> {
        match control {
            // Whatever kind the file asks for: one that reads first and writes later would be refused as stale.
            TxControl::Begin if !self.sql(index).to_lowercase().contains("exclusive") => {
                statement::begin(shard, &self.job.limits).map_err(|t| (Some(index), t))
            }
            _ => self.execute(shard, index),
        }
    }

    /// A statement within the file's own transaction.
    fn inside(
        &mut self,
        shard: &mut Shard,
        index: usize,
        cut: &Statement,
        last: bool,
    ) -> Result<(), Stopped> {
        let may_commit = match cut.tx {
            Tx::Control(TxControl::Commit) => true,
            // Releasing the outermost savepoint commits; of an inner one, the row is written again later.
            Tx::Control(TxControl::Savepoint) => starts_with(self.sql(index), "release"),
            _ => false,
        };
        if may_commit {
            self.note(shard, index + 1, last)
                .map_err(|error| (Some(index), error.into()))?;
        }
        match cut.tx {
            Tx::Control(TxControl::Commit) => {
                statement::commit(shard, &self.job.limits).map_err(|t| (Some(index), t))?;
            }
            _ => self.execute(shard, index)?,
        }
        if !shard.connection.is_autocommit() {
            return Ok(());
        }
        if may_commit {
            self.done = index + 1;
            return Ok(());
        }
        if matches!(cut.tx, Tx::Control(TxControl::Rollback)) {
            return self.write(shard, index + 1, last);
        }
        Err((Some(index), ended()))
    }

    /// A statement and its step row in one transaction.
    fn together(&mut self, shard: &mut Shard, index: usize, last: bool) -> Result<(), Stopped> {
        let at = |trouble| (Some(index), trouble);
        statement::begin(shard, &self.job.limits).map_err(at)?;
        self.execute(shard, index)?;
        if shard.connection.is_autocommit() {
            return Err(at(ended()));
        }
        self.note(shard, index + 1, last)
            .map_err(|error| at(error.into()))?;
        statement::commit(shard, &self.job.limits).map_err(at)?;
        self.done = index + 1;
        Ok(())
    }

    /// A statement that can't run in a transaction, or does nothing there. All of SQLite's can be run again.
    fn apart(&mut self, shard: &mut Shard, index: usize) -> Result<(), Stopped> {
        let intent = Intent {
            statement: index as u32,
            hash: self.hashes[index].clone(),
            before: serde_json::Value::Null,
        };
        self.write_with(shard, self.done, false, Some(&intent))?;
        self.execute(shard, index)?;
        let last = index + 1 == self.hashes.len();
        self.write(shard, index + 1, last)
    }

    fn execute(&self, shard: &Shard, index: usize) -> Result<(), Stopped> {
        statement::run(shard, self.sql(index), &self.job.limits)
            .map_err(|trouble| (Some(index), trouble))
    }

    /// Commits that so many statements are done.
    fn write(&mut self, shard: &mut Shard, done: usize, last: bool) -> Result<(), Stopped> {
        self.write_with(shard, done, last, None)
    }

    fn write_with(
        &mut self,
        shard: &mut Shard,
        done: usize,
        last: bool,
        intent: Option<&Intent>,
    ) -> Result<(), Stopped> {
        let at = |trouble| (done.checked_sub(1), trouble);
        statement::begin(shard, &self.job.limits).map_err(at)?;
        self.note_with(shard, done, last, intent)
            .map_err(|error| at(error.into()))?;
        statement::commit(shard, &self.job.limits).map_err(at)?;
        self.done = done;
        Ok(())
    }

    /// Notes in the open transaction that so many statements are done; with the last of them, the history row.
    fn note(&self, shard: &Shard, done: usize, last: bool) -> rusqlite::Result<()> {
        self.note_with(shard, done, last, None)
    }

    fn note_with(
        &self,
        shard: &Shard,
        done: usize,
        last: bool,
        intent: Option<&Intent>,
    ) -> rusqlite::Result<()> {
        let state = match last {
            true => StepState::Applied,
            false => StepState::Running,
        };
        let progress = steps::Progress {
            state,
            hashes: &self.hashes[..done],
            intent,
            failure: None,
        };
        let project = &shard.target.project;
        steps::write(&shard.connection, project, self.job, &progress)?;
        if last {
            history::add(&shard.connection, &shard.tables, self.job, self.millis())?;
        }
        Ok(())
    }

    /// Whether the history row went in with the last statement.
    fn finished(&self, shard: &Shard) -> Result<bool, Stopped> {
        history::read(&shard.connection, &shard.tables)
            .map(|rows| history::has(&rows, self.job))
            .map_err(|error| (None, error.into()))
    }

    fn remember(&self, shard: &mut Shard, failure: &Failure) {
        let passes = failure.class.is_transient() || failure.class == FailureClass::Cancelled;
        // What stands half-way is remembered in any case.
        if passes && self.done == 0 {
            return;
        }
        let project = shard.target.project.clone();
        // The caller is told in any case; a full disk must not replace the failure by another.
        let _ = statement::write(shard, |shard| {
            let progress = steps::Progress {
                state: StepState::Failed,
                hashes: &self.hashes[..self.done],
                intent: None,
                failure: Some(failure),
            };
            steps::write(&shard.connection, &project, self.job, &progress)?;
            history::mark_failed(&shard.connection, &shard.tables, self.job)
        });
    }

    fn left(&self) -> Left {
        match self.done {
            0 => Left::Nothing,
            done => Left::Partial {
                done: done as u32,
                total: self.hashes.len() as u32,
            },
        }
    }

    fn sql(&self, index: usize) -> &'a str {
        self.job.script.sql(&self.job.script.statements[index])
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn starts_with(sql: &str, word: &str) -> bool {
    sql.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn foreign(error: EngineError) -> Trouble {
    Trouble::own(
        FailureClass::Refused,
        error.to_string(),
        "Was the row written by a newer greylag? Then run that one.",
    )
}

fn ended() -> Trouble {
    Trouble::own(
        FailureClass::Conflict,
        "the statement ended the transaction it ran in, which was rolled back",
        "Leave OR ROLLBACK and RAISE(ROLLBACK, …) out of migrations.",
    )
}

fn left_open() -> Trouble {
    Trouble::own(
        FailureClass::Conflict,
        "the file ends with its own transaction still open, which was rolled back",
        "Add the missing COMMIT.",
    )
}
