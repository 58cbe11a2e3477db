//! A job statement by statement, for a file in which something commits by itself.
//!
//! Runs of plain DML share a transaction with their step row; before a statement that commits by itself an intent row is
//! committed, and a step row after it; a file's own BEGIN … COMMIT carries the step row inside. Which transaction is open is the
//! server's word after each statement, never an assumption. The last step row and the history row commit together.

use super::{
    apply::{self, End},
    failure, history, image,
    link::Trouble,
    quote,
    session::MysqlSession,
    steps::{self, Step},
    touched::{self, Rule, Touched, Verb},
    transaction,
};
use crate::{
    error::EngineError,
    job::{Applied, Attempt, Job, Progress},
    session::Position,
    step,
};
use greylag_core::{
    outcome::{Failure, FailureClass, Left},
    script::{Tx, TxControl},
    survey::{Intent, StepRow, StepState},
};
use mysql_async::ServerError;
use std::time::Instant;

/// Who opened the transaction that is open, or what else forbids one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// None.
    Nothing,
    /// Ours, around a run of plain statements.
    Ours,
    /// The file's own.
    Files,
    /// The file holds LOCK TABLES, and our tables are not among them.
    Tables,
}

/// How a statement is walked over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Ddl,
    May,
    Begin,
    Commit,
    Rollback,
    SetTransaction,
    Lock,
    Unlock,
}

/// A walk over a file's statements.
struct Walk<'a> {
    session: &'a mut MysqlSession,
    job: &'a Job,
    hashes: Vec<String>,
    /// Statements that the step row says are done.
    done: usize,
    open: Open,
    /// What the transaction that is open began with, for its step row.
    warnings: Vec<String>,
    progress: Progress<'a>,
    started: Instant,
    finished: Option<Option<Position>>,
}

/// Runs what a job lacks.
pub async fn run(
    session: &mut MysqlSession,
    job: &Job,
    row: Option<StepRow>,
    progress: Progress<'_>,
) -> Result<Applied, End> {
    let hashes = step::hash_all(&job.script);
    let resume = step::resume(row.as_ref(), &hashes).map_err(|changed| {
        let left = Left::Partial {
            done: changed.done as u32,
            total: job.script.statements.len() as u32,
        };
        let mut failure = failure::of_ours(job, FailureClass::Refused, changed.to_string(), left);
        failure.place = failure::place(job, changed.statement - 1, None);
        failure.hint = Some(format!(
            "leave the first {} statements of the file as they ran; what should be different goes behind them or into a new file",
            changed.done
        ));
        Box::new(Attempt::Failed(failure))
    })?;
    let mut walk = Walk::new(session, job, hashes, resume.from, progress);
    walk.restore(resume.from).await?;
    walk.go(resume.from).await
}

/// Goes on after statement `next - 1`, which ended the transaction that was to hold the whole file.
pub async fn take_over(
    session: &mut MysqlSession,
    job: &Job,
    next: usize,
    progress: Progress<'_>,
) -> Result<Applied, End> {
    let hashes = step::hash_all(&job.script);
    let mut walk = Walk::new(session, job, hashes, 0, progress);
    walk.warnings.push(format!(
        "statement {next} committed what was to be one transaction; the rest ran statement by statement"
    ));
    walk.record(next).await?;
    walk.go(next).await
}

/// Whether nothing of a job is left to run.
pub fn is_complete(job: &Job, row: &StepRow) -> bool {
    row.statements_done as usize == job.script.statements.len()
        && row.hashes == step::hash_all(&job.script)
}

/// Writes the last step and the history row of a job whose statements are all done. False if the lock is not ours.
pub async fn close(session: &mut MysqlSession, job: &Job) -> Result<bool, EngineError> {
    let doing = "writing the history row";
    let hashes = step::hash_all(&job.script);
    let sql = format!(
        "START TRANSACTION; {}",
        closing_sql(session, job, &hashes, 0)
    );
    let mut answers = Vec::new();
    let outcome = session.link.run_all(sql, &mut answers).await;
    let written = outcome.is_ok() && answers.last().is_some_and(|a| a.affected == 1);
    let end = session
        .link
        .run(if written { "COMMIT" } else { "ROLLBACK" })
        .await;
    outcome.map_err(|t| session.link.refused(t, doing))?;
    end.map_err(|t| session.link.refused(t, doing))?;
    Ok(written)
}

/// Remembers a failure, so that `status` shows it. One that is merely tried again is not worth a row of its own.
pub async fn remember(
    session: &mut MysqlSession,
    job: &Job,
    done: usize,
    failure: &Failure,
) -> Result<(), End> {
    let transient = failure.class.is_transient();
    if transient && done == 0 && failure.left == Left::Nothing {
        let closed = session
            .link
            .run(steps::close_intent_sql(&session.names, &job.migration))
            .await;
        return closed
            .map(drop)
            .map_err(|t| apply::of_trouble(session, job, t, "writing greylag_step"));
    }
    let hashes = step::hash_all(&job.script);
    let row = Step {
        state: if transient {
            StepState::Running
        } else {
            StepState::Failed
        },
        done,
        hashes: &hashes,
        intent: None,
        failure: Some(failure).filter(|_| !transient),
    };
    let written = session
        .link
        .run(steps::write_sql(&session.names, job, &row))
        .await;
    written
        .map(drop)
        .map_err(|t| apply::of_trouble(session, job, t, "writing greylag_step"))
}

/// The last step row and the history row.
fn closing_sql(session: &MysqlSession, job: &Job, hashes: &[String], millis: u64) -> String {
    let row = Step {
        state: StepState::Applied,
        done: hashes.len(),
        hashes,
        intent: None,
        failure: None,
    };
    format!(
        "{}; {}",
        steps::write_sql(&session.names, job, &row),
        history::insert_sql(session, job, millis)
    )
}

impl<'a> Walk<'a> {
    fn new(
        session: &'a mut MysqlSession,
        job: &'a Job,
        hashes: Vec<String>,
        done: usize,
        progress: Progress<'a>,
    ) -> Self {
        Walk {
            session,
            job,
            hashes,
            done,
            open: Open::Nothing,
            warnings: Vec::new(),
            progress,
            started: Instant::now(),
            finished: None,
        }
    }

    /// Runs again what earlier statements set in a session that is gone.
    async fn restore(&mut self, from: usize) -> Result<(), End> {
        for index in 0..from {
            match self.verb(index) {
                Verb::Session => self.execute(index).await?,
                Verb::CreateTemporary => return Err(self.temporary_table_gone(index)),
                Verb::Other
                | Verb::Call
                | Verb::CreateProgram
                | Verb::LockTables
                | Verb::UnlockTables => {}
            }
        }
        let holding = (0..from).rev().find_map(|index| match self.verb(index) {
            Verb::LockTables => Some(Some(index)),
            Verb::UnlockTables => Some(None),
            _ => None,
        });
        if let Some(Some(index)) = holding {
            self.execute(index).await?;
            self.open = Open::Tables;
        }
        Ok(())
    }

    async fn go(mut self, from: usize) -> Result<Applied, End> {
        for index in from..self.job.script.statements.len() {
            self.take(index).await?;
            apply::note(self.progress, self.job, index + 1);
        }
        let position = match self.finished.take() {
            Some(position) => position,
            None => self.finish().await?,
        };
        let millis = self.started.elapsed().as_millis() as u64;
        Ok(Applied {
            millis,
            position,
            warnings: self.warnings,
        })
    }

    /// One statement, with what has to be written before and after it.
    async fn take(&mut self, index: usize) -> Result<(), End> {
        let kind = self.kind(index);
        if self.open == Open::Tables {
            return self.take_under_table_locks(index, kind).await;
        }
        let plain = matches!(kind, Kind::Plain);
        if self.open == Open::Ours && !plain {
            self.close_transaction(index).await?;
        }
        match kind {
            Kind::Plain if self.open == Open::Nothing => {
                self.open_transaction(index).await?;
                self.take_plain(index).await
            }
            Kind::Plain => self.take_plain(index).await,
            Kind::SetTransaction => self.execute(index).await,
            Kind::May if self.open == Open::Files => self.take_plain(index).await,
            Kind::May => self.take_call(index).await,
            Kind::Ddl => self.take_ddl(index).await,
            Kind::Begin => self.take_begin(index).await,
            Kind::Commit | Kind::Rollback if self.open == Open::Nothing => {
                self.execute(index).await
            }
            Kind::Commit => self.take_commit(index).await,
            Kind::Rollback => self.take_rollback(index).await,
            Kind::Lock => self.take_lock(index).await,
            Kind::Unlock => self.execute(index).await,
        }
    }

    /// A statement in the transaction that is open. Whether it still is afterwards, the server says.
    async fn take_plain(&mut self, index: usize) -> Result<(), End> {
        self.execute(index).await?;
        if !self.in_transaction().await? {
            self.warnings.push(format!(
                "statement {} committed by itself what was open",
                index + 1
            ));
            self.open = Open::Nothing;
            return self.record(index + 1).await;
        }
        // From here on the file commits when it chooses.
        if self.open == Open::Ours && !self.session.link.autocommits() {
            return self.close_transaction(index + 1).await;
        }
        Ok(())
    }

    /// A statement that commits by itself: what it touches is written down before, and that it is done after.
    async fn take_ddl(&mut self, index: usize) -> Result<(), End> {
        let touched = touched::touched(self.sql(index));
        self.intend(index, touched).await?;
        self.execute(index).await?;
        self.record_unless_last(index).await
    }

    /// A procedure may commit inside or not: its transaction is ours as long as the server says so.
    async fn take_call(&mut self, index: usize) -> Result<(), End> {
        self.intend(
            index,
            unclear("a procedure may have committed a part of its work"),
        )
        .await?;
        self.book("START TRANSACTION".into()).await?;
        self.open = Open::Ours;
        self.execute(index).await?;
        if self.in_transaction().await? {
            return match index + 1 == self.total() {
                true => Ok(()),
                false => self.close_transaction(index + 1).await,
            };
        }
        self.open = Open::Nothing;
        self.record_unless_last(index).await
    }

    async fn take_begin(&mut self, index: usize) -> Result<(), End> {
        if self.open == Open::Files {
            self.close_transaction(index).await?;
        }
        let calls = (index + 1..self.total())
            .take_while(|i| !matches!(self.kind(*i), Kind::Commit | Kind::Rollback | Kind::Begin))
            .any(|i| self.kind(i) == Kind::May);
        if calls {
            self.intend(
                index,
                unclear(
                    "a procedure in the file's own transaction may have committed a part of it",
                ),
            )
            .await?;
        }
        self.execute(index).await?;
        self.enter_files_transaction(index).await
    }

    /// The step row goes into the file's own transaction, just before its COMMIT.
    async fn take_commit(&mut self, index: usize) -> Result<(), End> {
        let is_last = index + 1 == self.total();
        if is_last {
            self.write_closing().await?;
        } else {
            self.book(self.step_sql(index + 1, None)).await?;
        }
        self.execute(index).await?;
        self.done = index + 1;
        if is_last {
            self.finished = Some(self.position().await?);
        }
        self.open = Open::Nothing;
        match self.in_transaction().await? {
            true if is_last => self.book("ROLLBACK".into()).await,
            true => self.enter_files_transaction(index + 1).await,
            false => Ok(()),
        }
    }

    async fn take_rollback(&mut self, index: usize) -> Result<(), End> {
        self.execute(index).await?;
        self.open = Open::Nothing;
        if self.in_transaction().await? {
            return self.enter_files_transaction(index + 1).await;
        }
        self.record_unless_last(index).await
    }

    async fn take_lock(&mut self, index: usize) -> Result<(), End> {
        self.intend(
            index,
            unclear("the file held LOCK TABLES, under which no progress can be written"),
        )
        .await?;
        self.execute(index).await?;
        self.open = Open::Tables;
        Ok(())
    }

    async fn take_under_table_locks(&mut self, index: usize, kind: Kind) -> Result<(), End> {
        match kind {
            Kind::Unlock => {
                self.execute(index).await?;
                self.open = Open::Nothing;
                self.record_unless_last(index).await
            }
            // It lets go of the tables.
            Kind::Begin => {
                self.record(index).await?;
                self.open = Open::Nothing;
                self.take_begin(index).await
            }
            _ => self.execute(index).await,
        }
    }

    /// Writes an intent and commits it, with all that is done so far.
    async fn intend(&mut self, index: usize, touched: Touched) -> Result<(), End> {
        let database = self.session.names.database.clone();
        let before = image::before(&mut self.session.link, &database, touched).await;
        let before = before.map_err(|t| {
            apply::of_trouble(
                self.session,
                self.job,
                t,
                "looking at what a statement touches",
            )
        })?;
        let intent = apply::intent(self.job, index, &before);
        let sql = self.step_sql(index, Some(&intent));
        match self.open {
            Open::Nothing | Open::Tables => {
                self.book(format!("START TRANSACTION; {sql}; COMMIT"))
                    .await?
            }
            Open::Ours | Open::Files => self.book(format!("{sql}; COMMIT")).await?,
        }
        self.open = Open::Nothing;
        self.done = index;
        Ok(())
    }

    /// Opens a transaction whose step row tells, seen from outside, that something committed half-way.
    async fn open_transaction(&mut self, index: usize) -> Result<(), End> {
        let canary = apply::canary(self.job, index);
        let sql = self.step_sql(index, Some(&canary));
        if self.session.link.autocommits() {
            self.open = Open::Ours;
            return self.book(format!("START TRANSACTION; {sql}")).await;
        }
        // The file has turned autocommit off: the transaction is its own.
        self.open = Open::Files;
        self.book(sql).await
    }

    async fn enter_files_transaction(&mut self, index: usize) -> Result<(), End> {
        let canary = apply::canary(self.job, index);
        self.open = Open::Files;
        match self.book(self.step_sql(self.done, Some(&canary))).await {
            // READ ONLY: what writes nothing needs no guard.
            Err(end) if matches!(&*end, Attempt::Failed(f) if f.code.as_deref() == Some("1792")) => {
                Ok(())
            }
            other => other,
        }
    }

    /// Commits what is open, with the step row that says so.
    async fn close_transaction(&mut self, done: usize) -> Result<(), End> {
        self.book(format!("{}; COMMIT", self.step_sql(done, None)))
            .await?;
        self.open = Open::Nothing;
        self.done = done;
        Ok(())
    }

    /// Writes that so many statements are done, in a transaction of its own.
    async fn record(&mut self, done: usize) -> Result<(), End> {
        self.book(format!(
            "START TRANSACTION; {}; COMMIT",
            self.step_sql(done, None)
        ))
        .await?;
        self.done = done;
        Ok(())
    }

    /// The last statement's step row is written with the history row.
    async fn record_unless_last(&mut self, index: usize) -> Result<(), End> {
        match index + 1 == self.total() {
            true => Ok(()),
            false => self.record(index + 1).await,
        }
    }

    async fn finish(&mut self) -> Result<Option<Position>, End> {
        match self.open {
            Open::Tables => self.book("UNLOCK TABLES; START TRANSACTION".into()).await?,
            Open::Nothing => self.book("START TRANSACTION".into()).await?,
            Open::Files => self
                .warnings
                .push("the file ended inside its own transaction, which was committed with its history row".into()),
            Open::Ours => {}
        }
        self.write_closing().await?;
        match apply::commit(self.session).await {
            Ok(position) => Ok(position),
            Err(Trouble::Lost(source)) => Err(apply::lost(
                self.job,
                None,
                "during COMMIT",
                source.as_ref(),
            )),
            Err(Trouble::Server(error)) => {
                Err(self.fail(self.total().saturating_sub(1), error).await)
            }
        }
    }

    /// The last step row and the history row, in the transaction that is open; neither, if the shard's lock has gone.
    async fn write_closing(&mut self) -> Result<(), End> {
        let millis = self.started.elapsed().as_millis() as u64;
        let sql = closing_sql(self.session, self.job, &self.hashes, millis);
        let mut answers = Vec::new();
        let outcome = self.session.link.run_all(sql, &mut answers).await;
        outcome
            .map_err(|t| apply::of_trouble(self.session, self.job, t, "writing the history row"))?;
        if answers.last().is_some_and(|a| a.affected == 1) {
            return Ok(());
        }
        self.book("ROLLBACK".into()).await?;
        Err(transaction::lock_gone(self.job, self.left(self.done)))
    }

    async fn position(&mut self) -> Result<Option<Position>, End> {
        let text = self
            .session
            .link
            .value(self.session.flavour.position_sql())
            .await
            .unwrap_or(None);
        Ok(text.filter(|t| !t.is_empty()).map(Position))
    }

    async fn execute(&mut self, index: usize) -> Result<(), End> {
        match apply::statement(self.session, self.job, index).await {
            Ok(answer) => {
                let kept = apply::keep_warnings(self.session, &answer, &mut self.warnings).await;
                kept.map_err(|t| apply::of_trouble(self.session, self.job, t, "reading warnings"))
            }
            Err(Trouble::Lost(source)) => Err(apply::lost(
                self.job,
                Some(index),
                "while a statement ran",
                source.as_ref(),
            )),
            Err(Trouble::Server(error)) => Err(self.fail(index, error).await),
        }
    }

    /// Our own bookkeeping, in one packet.
    async fn book(&mut self, sql: String) -> Result<(), End> {
        let mut answers = Vec::new();
        let outcome = self.session.link.run_all(sql, &mut answers).await;
        outcome.map_err(|t| apply::of_trouble(self.session, self.job, t, "writing greylag_step"))
    }

    /// After a server's error: what stands, what was rolled back, and a row that remembers it.
    async fn fail(&mut self, index: usize, error: ServerError) -> End {
        match self.after_error(index, &error).await {
            Ok(failure) => Box::new(Attempt::Failed(failure)),
            Err(end) => end,
        }
    }

    async fn after_error(&mut self, index: usize, error: &ServerError) -> Result<Failure, End> {
        let mut failure = failure::of_statement(self.job, index, error, Left::Nothing);
        let trouble = |session: &MysqlSession, job: &Job, t| {
            apply::of_trouble(session, job, t, "rolling back")
        };
        let open = self.session.link.ask_transaction().await;
        let open = open.map_err(|t| trouble(self.session, self.job, t))?;
        let mut done = self.done;
        match self.open {
            Open::Tables => {
                done = index;
                self.book("UNLOCK TABLES".into()).await?;
            }
            Open::Ours | Open::Files if open => self.book("ROLLBACK".into()).await?,
            Open::Ours | Open::Files => {
                let row = steps::find(self.session, &self.job.migration).await;
                let row = row.map_err(|e| apply::of_error(self.job, e))?;
                if row
                    .and_then(|r| r.intent)
                    .is_some_and(|i| committed_half_way(&i))
                {
                    done = index;
                }
                if self.kind(index) == Kind::May {
                    failure.message.push_str("; the procedure had ended the transaction, so a part of its work may stand");
                }
            }
            Open::Nothing => self.look_for_halves(index, &mut failure).await?,
        }
        failure.left = self.left(done);
        remember(self.session, self.job, done, &failure).await?;
        Ok(failure)
    }

    /// A failed statement may have done a part of its work all the same: `DROP TABLE a, nope` on MariaDB.
    async fn look_for_halves(&mut self, index: usize, failure: &mut Failure) -> Result<(), End> {
        let row = steps::find(self.session, &self.job.migration).await;
        let row = row.map_err(|e| apply::of_error(self.job, e))?;
        let intent = row
            .and_then(|r| r.intent)
            .filter(|i| i.statement as usize == index);
        let Some(Ok(before)) = intent.map(|i| serde_json::from_value::<image::Before>(i.before))
        else {
            return Ok(());
        };
        let changed = image::changed(&mut self.session.link, &before).await;
        let changed = changed.map_err(|t| {
            apply::of_trouble(
                self.session,
                self.job,
                t,
                "looking at what a statement touched",
            )
        })?;
        if !changed.is_empty() {
            let names: Vec<String> = changed.iter().map(|name| quote::name(name)).collect();
            failure.message.push_str(&format!(
                "; all the same it has changed {}",
                names.join(", ")
            ));
            failure.hint = Some("take what is done already out of the statement (the file's earlier statements stay as they are), then retry".into());
        }
        Ok(())
    }

    fn temporary_table_gone(&self, index: usize) -> End {
        let mut failure = failure::of_ours(
            self.job,
            FailureClass::Refused,
            format!(
                "statement {} made a temporary table, which died with its session: the file can't be resumed behind it",
                index + 1
            ),
            self.left(self.done),
        );
        failure.place = failure::place(self.job, index, None);
        failure.hint = Some(
            "do the rest by hand and run `greylag rollout settle … --applied --reason …`, or skip the shard and write the rest as a new version"
                .into(),
        );
        Box::new(Attempt::Failed(failure))
    }

    fn left(&self, done: usize) -> Left {
        match done {
            0 => Left::Nothing,
            done => Left::Partial {
                done: done as u32,
                total: self.total() as u32,
            },
        }
    }

    fn step_sql(&self, done: usize, intent: Option<&Intent>) -> String {
        let row = Step {
            state: StepState::Running,
            done,
            hashes: &self.hashes,
            intent,
            failure: None,
        };
        steps::write_sql(&self.session.names, self.job, &row)
    }

    async fn in_transaction(&mut self) -> Result<bool, End> {
        match self.session.link.in_transaction() {
            Some(open) => Ok(open),
            None => {
                let open = self.session.link.ask_transaction().await;
                open.map_err(|t| {
                    apply::of_trouble(self.session, self.job, t, "asking for the transaction")
                })
            }
        }
    }

    fn total(&self) -> usize {
        self.job.script.statements.len()
    }

    fn sql(&self, index: usize) -> &str {
        self.job.script.sql(&self.job.script.statements[index])
    }

    fn verb(&self, index: usize) -> Verb {
        touched::verb(self.sql(index))
    }

    fn kind(&self, index: usize) -> Kind {
        match self.verb(index) {
            Verb::LockTables => return Kind::Lock,
            Verb::UnlockTables => return Kind::Unlock,
            Verb::Call => return Kind::May,
            _ => {}
        }
        match self.job.script.statements[index].tx {
            Tx::Control(TxControl::Begin) => Kind::Begin,
            Tx::Control(TxControl::Commit) => Kind::Commit,
            Tx::Control(TxControl::Rollback) => Kind::Rollback,
            Tx::Control(TxControl::Set) => Kind::SetTransaction,
            Tx::Control(TxControl::Savepoint) | Tx::Can | Tx::Ineffective(_) => Kind::Plain,
            Tx::Commits(_) | Tx::Cannot(_) => Kind::Ddl,
            Tx::MayCommit(_) => Kind::May,
        }
    }
}

fn unclear(why: &str) -> Touched {
    Touched {
        rule: Rule::Unknown {
            why: why.to_owned(),
        },
        objects: Vec::new(),
    }
}

/// Whether the step row that is seen from outside belongs to a transaction.
fn committed_half_way(intent: &Intent) -> bool {
    let before = serde_json::from_value::<image::Before>(intent.before.clone());
    matches!(
        before,
        Ok(image::Before {
            rule: Rule::Transaction,
            ..
        })
    )
}
