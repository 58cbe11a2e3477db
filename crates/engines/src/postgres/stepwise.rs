//! A file statement by statement, each once: its step row is committed with it, or an intent before it and the row after.
//!
//! In the file's own transactions the row is written just before each COMMIT. Settings that finished statements made are
//! made again before going on.

use std::{sync::atomic::Ordering, time::Instant};

use greylag_core::{
    outcome::{Doubt, Failure, FailureClass, Left},
    script::{Tx, TxControl},
    survey::{StepRow, StepState},
};

use super::{
    failure,
    guard::{self, Guard, Tripped},
    history::StepWrite,
    image::Verdict,
    link::{Trouble, plain, position},
    message::{Message, What},
    names::tokens,
    quote::literal,
    session::PgSession,
    settle::open_intent,
    temporary, verdict,
    walk::Walk,
};
use crate::{
    job::{Applied, Attempt, Job, Note, Progress},
    step,
};

/// How a run stopped before its end.
pub type Stop = Box<Attempt>;

impl PgSession {
    pub(super) async fn step_through(&mut self, job: &Job, progress: Progress<'_>) -> Attempt {
        let mut walk = Walk {
            job,
            progress,
            guard: Guard::new(),
            hashes: step::hash_all(&job.script),
            done: 0,
            open: false,
            started: Instant::now(),
            warnings: Vec::new(),
            position: None,
        };
        if let Err(error) = self.make_step_table().await {
            return Attempt::Failed(self.not_started(std::slice::from_ref(job), &error));
        }
        self.worn = true;
        match self.walk(&mut walk).await {
            Ok(()) => {
                let millis = walk.started.elapsed().as_millis() as u64;
                self.next_rank = None;
                self.half_way = None;
                if let Some(steps) = &mut self.steps {
                    steps.insert(job.migration.clone());
                }
                progress(Note::Applied {
                    migration: job.migration.clone(),
                    millis,
                });
                Attempt::Applied(Applied {
                    millis,
                    position: walk.position,
                    warnings: walk.warnings,
                })
            }
            Err(stop) => *stop,
        }
    }

    async fn walk(&mut self, walk: &mut Walk<'_>) -> Result<(), Stop> {
        let total = walk.total();
        let row = self.step_row(walk.job).await?;
        let row = row.filter(|row| row.state != StepState::Applied);
        let resume = step::resume(row.as_ref(), &walk.hashes)
            .map_err(|changed| stop(prefix_changed(walk.job, &changed)))?;
        walk.done = resume.from;
        self.find_temporary_tables(walk).await?;
        self.set_up(walk).await?;
        if let Some(intent) = row.as_ref().and_then(open_intent) {
            let (verdict, before) = match self.compare(intent).await {
                Ok(compared) => compared,
                Err(error) => {
                    return Err(stop(
                        self.not_started(std::slice::from_ref(walk.job), &error),
                    ));
                }
            };
            match verdict {
                Verdict::Unknown => {
                    let doubt = self.doubt(walk.job, intent);
                    return Err(Box::new(Attempt::Unknown(doubt)));
                }
                Verdict::Absent => self.clear_away(walk, before.as_ref()).await?,
                Verdict::Done => {
                    if walk.hashes.get(walk.done) != Some(&intent.hash) {
                        let changed = step::PrefixChanged {
                            done: walk.done + 1,
                            statement: walk.done + 1,
                        };
                        return Err(stop(prefix_changed(walk.job, &changed)));
                    }
                    let index = walk.done;
                    self.record(walk, index).await?;
                }
            }
        }
        if walk.done == total && walk.position.is_none() {
            // Only the history row is missing.
            return self.close_run(walk).await;
        }
        for index in walk.done..total {
            self.step(walk, index).await?;
            walk.tell(index + 1);
        }
        if walk.open {
            let failure = Failure {
                class: FailureClass::Conflict,
                ..failure::refusal(
                    walk.job,
                    "the file ends with its own transaction still open, which was rolled back"
                        .into(),
                    walk.job.script.place(&walk.job.script_name, total),
                    Some("Add the missing COMMIT.".into()),
                )
            };
            return Err(self.give_up(walk, failure).await);
        }
        Ok(())
    }

    /// A temporary table that a finished statement made and a later one needs must still be there: it died with its session
    /// unless that is this one.
    async fn find_temporary_tables(&mut self, walk: &mut Walk<'_>) -> Result<(), Stop> {
        for index in 0..walk.done {
            let Some(name) = temporary::made(walk.sql(index)) else {
                continue;
            };
            let needed =
                (walk.done..walk.total()).find(|later| temporary::names(walk.sql(*later), &name));
            let Some(needed) = needed else {
                continue;
            };
            let there = format!(
                "SELECT to_regclass('pg_temp.' || quote_ident({})) IS NOT NULL",
                literal(&name)
            );
            let rows = self.query("looking for a temporary table", &there).await;
            let rows = rows
                .map_err(|error| stop(self.not_started(std::slice::from_ref(walk.job), &error)))?;
            if rows.first().is_some_and(|row| row.get(0) == Some("t")) {
                continue;
            }
            let mut refused = failure::refusal(
                walk.job,
                format!(
                    "statement {} made the temporary table {name}, which died with its session, and statement {} needs it",
                    index + 1,
                    needed + 1
                ),
                walk.job.script.place(&walk.job.script_name, index),
                Some(
                    "Change the rest of the file so that it needs no temporary table (what is done stays as it is), \
                     then `greylag rollout retry`."
                        .into(),
                ),
            );
            refused.left = walk.left();
            return Err(stop(refused));
        }
        Ok(())
    }

    async fn step(&mut self, walk: &mut Walk<'_>, index: usize) -> Result<(), Stop> {
        if self.cancelled.load(Ordering::Relaxed) {
            let failure = Failure {
                class: FailureClass::Cancelled,
                ..failure::refusal(
                    walk.job,
                    "cancelled between two statements".into(),
                    None,
                    None,
                )
            };
            return Err(self.give_up(walk, failure).await);
        }
        let control = match walk.job.script.statements[index].tx {
            Tx::Control(control) => Some(control),
            _ => None,
        };
        match (control, walk.open) {
            (Some(TxControl::Begin), false) => self.open(walk, index).await,
            (Some(TxControl::Commit), true) => self.commit(walk, index).await,
            (Some(TxControl::Rollback), true) => self.roll_back(walk, index).await,
            // The server only warns of them: nothing is open.
            (Some(TxControl::Commit | TxControl::Rollback), false) => {
                self.record(walk, index).await
            }
            (_, true) => self.inside(walk, index).await,
            (_, false) => match walk.job.script.statements[index].tx {
                Tx::Cannot(_) => self.apart(walk, index).await,
                _ => self.together(walk, index).await,
            },
        }
    }

    /// A statement and its step row in one transaction.
    async fn together(&mut self, walk: &mut Walk<'_>, index: usize) -> Result<(), Stop> {
        let mut message = Message::default();
        message.push(What::Head, "BEGIN");
        message.push(What::Head, &walk.guard.set());
        let copied = self.statement(walk, &mut message, index).await;
        if let Err(trouble) = copied {
            return Err(self.stopped(walk, index, trouble).await);
        }
        self.tail(walk, &mut message, index + 1);
        self.end_with_mark(&mut message, &walk.guard);
        match self.send(walk, &message, index + 1).await {
            Ok(()) => Ok(()),
            Err((what, Trouble::Server(said)))
                if matches!(what, What::File { .. })
                    && matches!(said.code().code(), "25001" | "2D000") =>
            {
                // Not to be known from the text: the server says that it needs a transaction of its own.
                self.link.run("ROLLBACK", usize::MAX).await;
                self.link.hush();
                self.apart(walk, index).await
            }
            Err((_, trouble)) => Err(self.stopped(walk, index, trouble).await),
        }
    }

    /// The file's own BEGIN.
    async fn open(&mut self, walk: &mut Walk<'_>, index: usize) -> Result<(), Stop> {
        let mut message = Message::default();
        self.push(walk, &mut message, index);
        message.push(What::Head, &walk.guard.set());
        self.sent(walk, &message, index).await?;
        walk.open = true;
        Ok(())
    }

    /// A statement within the file's own transaction.
    async fn inside(&mut self, walk: &mut Walk<'_>, index: usize) -> Result<(), Stop> {
        if guard::resets_all(walk.sql(index)) {
            self.still_ours(walk, index).await?;
        }
        let mut message = Message::default();
        if let Err(trouble) = self.statement(walk, &mut message, index).await {
            return Err(self.stopped(walk, index, trouble).await);
        }
        match message.is_empty() {
            true => Ok(()),
            false => self.sent(walk, &message, index).await,
        }
    }

    /// Before the guard's token is taken away and set anew: its transaction must still be open.
    async fn still_ours(&mut self, walk: &mut Walk<'_>, index: usize) -> Result<(), Stop> {
        let token = walk.guard.token().to_owned();
        let answer = self.link.run_marked(Guard::SHOWN, &token).await;
        if answer.has(&token) {
            return Ok(());
        }
        match answer.trouble {
            Some(trouble) => Err(self.stopped(walk, index, trouble).await),
            None => Err(Box::new(self.guarded(walk.job, Tripped::Ended, None).await)),
        }
    }

    /// The file's own COMMIT, and the step row with it.
    async fn commit(&mut self, walk: &mut Walk<'_>, index: usize) -> Result<(), Stop> {
        let sql = walk.sql(index);
        let words = tokens(sql, 6);
        let chains = words.iter().any(|word| word.eq_ignore_ascii_case("chain"))
            && !words.iter().any(|word| word.eq_ignore_ascii_case("no"));
        let mut message = Message::default();
        self.tail(walk, &mut message, index + 1);
        message.push(What::Commit, &walk.guard.mark());
        self.push(walk, &mut message, index);
        message.push(What::After, verdict::SHOWN);
        if chains {
            message.push(What::Head, &walk.guard.set());
        }
        match self.send(walk, &message, index + 1).await {
            Ok(()) => {
                walk.open = chains;
                Ok(())
            }
            Err((_, trouble)) => Err(self.stopped(walk, index, trouble).await),
        }
    }

    /// The file's own ROLLBACK: nothing of its transaction stands, and the row says how far the file has come.
    async fn roll_back(&mut self, walk: &mut Walk<'_>, index: usize) -> Result<(), Stop> {
        let mut message = Message::default();
        self.push(walk, &mut message, index);
        self.sent(walk, &message, index).await?;
        walk.open = false;
        self.record(walk, index).await
    }

    /// The step row of a statement that stands by itself.
    pub(super) async fn record(&mut self, walk: &mut Walk<'_>, index: usize) -> Result<(), Stop> {
        let mut message = Message::default();
        message.push(What::Head, "BEGIN");
        message.push(What::Head, &walk.guard.set());
        self.tail(walk, &mut message, index + 1);
        self.end_with_mark(&mut message, &walk.guard);
        match self.send(walk, &message, index + 1).await {
            Ok(()) => Ok(()),
            Err((_, trouble)) => Err(self.stopped(walk, index, trouble).await),
        }
    }

    async fn close_run(&mut self, walk: &mut Walk<'_>) -> Result<(), Stop> {
        let total = walk.total();
        let mut message = Message::default();
        message.push(What::Head, "BEGIN");
        message.push(What::Head, &walk.guard.set());
        self.tail(walk, &mut message, total);
        self.end_with_mark(&mut message, &walk.guard);
        match self.send(walk, &message, total).await {
            Ok(()) => Ok(()),
            Err((_, trouble)) => Err(self.stopped(walk, total.saturating_sub(1), trouble).await),
        }
    }

    /// Sets the job's limits, and makes the settings of the finished statements again.
    async fn set_up(&mut self, walk: &Walk<'_>) -> Result<(), Stop> {
        let job = walk.job;
        let mut message = Message::default();
        walk.limits(&mut message);
        for index in 0..walk.done {
            if job.script.statements[index].sets_session() {
                self.push(walk, &mut message, index);
            }
        }
        let answer = self.link.run(message.text(), usize::MAX).await;
        self.link.hush();
        match answer.trouble {
            None => Ok(()),
            Some(Trouble::Server(said)) => {
                let spot = message.spot(answer.completed, position(&said));
                let index = match spot.what {
                    What::File { statement, .. } => Some(statement),
                    _ => None,
                };
                Err(stop(failure::failure(
                    &said,
                    job,
                    index,
                    spot.at,
                    walk.left(),
                )))
            }
            Some(Trouble::Lost(error)) => {
                Err(stop(self.lost_before(std::slice::from_ref(job), &error)))
            }
            Some(Trouble::Unsaid(why)) => {
                let doubt = verdict::doubt(Some(job.migration.clone()), why);
                Err(Box::new(Attempt::Unknown(doubt)))
            }
        }
    }

    /// What an answer other than success means for the run.
    pub(super) async fn stopped(
        &mut self,
        walk: &mut Walk<'_>,
        index: usize,
        trouble: Trouble,
    ) -> Stop {
        let said = match trouble {
            Trouble::Server(said) => said,
            Trouble::Lost(error) => {
                return Box::new(Attempt::Unknown(Doubt {
                    migration: Some(walk.job.migration.clone()),
                    place: walk.job.script.place(&walk.job.script_name, index),
                    why: format!(
                        "the connection to {} was lost at statement {}: {}",
                        self.target.address(),
                        index + 1,
                        plain(&error)
                    ),
                    needs_person: false,
                }));
            }
            Trouble::Unsaid(why) => {
                let migration = Some(walk.job.migration.clone());
                return Box::new(Attempt::Unknown(verdict::doubt(migration, why)));
            }
        };
        if let Some(tripped) = guard::tripped(&said, &self.target.history_table) {
            return Box::new(self.guarded(walk.job, tripped, None).await);
        }
        let at = self.within(walk, index, &said);
        let mut failure = failure::failure(&said, walk.job, Some(index), at, walk.left());
        self.mend_class(walk.job, &mut failure);
        self.give_up(walk, failure).await
    }

    /// Undoes what is open, and lets the shard remember how far the file has come and why no further.
    pub(super) async fn give_up(&mut self, walk: &mut Walk<'_>, mut failure: Failure) -> Stop {
        self.link.run("ROLLBACK", usize::MAX).await;
        walk.open = false;
        if failure.class == FailureClass::Lock {
            let statement = failure
                .place
                .as_ref()
                .map(|place| place.statement as usize - 1);
            failure.blockers = self.in_the_way(walk.job, statement).await;
        }
        failure.left = walk.left();
        let worth = self.worth_remembering(&failure);
        if worth || walk.done > 0 {
            let write = StepWrite {
                state: StepState::Failed,
                done: walk.done,
                hashes: &walk.hashes[..walk.done],
                intent: None,
                failure: Some(&failure),
            };
            // What the next try finds done is in the step rows that came with the statements.
            for noted in [
                self.remember(walk.job, &write).await,
                self.mark(walk.job).await,
            ] {
                walk.warn(noted);
            }
        }
        self.half_way = (walk.done > 0).then(|| walk.job.migration.clone());
        self.link.hush();
        stop(failure)
    }

    /// The step row of one migration.
    async fn step_row(&mut self, job: &Job) -> Result<Option<StepRow>, Stop> {
        match self.find_step(&job.migration).await {
            Ok(row) => Ok(row),
            Err(error) => Err(stop(self.not_started(std::slice::from_ref(job), &error))),
        }
    }
}

fn stop(failure: Failure) -> Stop {
    Box::new(Attempt::Failed(failure))
}

fn prefix_changed(job: &Job, changed: &step::PrefixChanged) -> Failure {
    let mut refused = failure::refusal(
        job,
        changed.to_string(),
        job.script.place(&job.script_name, changed.statement - 1),
        Some(
            "Put the finished statements back as they were, and change only what follows them."
                .into(),
        ),
    );
    refused.left = Left::Partial {
        done: changed.done as u32,
        total: job.script.statements.len() as u32,
    };
    refused
}
