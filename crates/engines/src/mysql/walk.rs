//! A walk over a file's statements: what has to be written before and after each, by what it is and by which transaction is
//! open. The writing itself is `ledger`'s, errors are `aftermath`'s.

use super::{
    apply::{self, End},
    link::Trouble,
    session::MysqlSession,
    touched::{self, Rule, Touched},
    verb::{self, Verb},
};
use crate::{
    job::{Applied, Job, Progress},
    session::Position,
};
use greylag_core::script::{Tx, TxControl};
use std::time::Instant;

/// Who opened the transaction that is open, or what else forbids one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
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
pub enum Kind {
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
pub struct Walk<'a> {
    pub session: &'a mut MysqlSession,
    pub job: &'a Job,
    pub hashes: Vec<String>,
    /// Statements that the step row says are done.
    pub done: usize,
    pub open: Open,
    pub warnings: Vec<String>,
    pub progress: Progress<'a>,
    pub started: Instant,
    pub finished: Option<Option<Position>>,
}

impl<'a> Walk<'a> {
    pub fn new(
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
    pub async fn restore(&mut self, from: usize) -> Result<(), End> {
        for index in 0..from {
            if self.job.script.statements[index].sets_session() {
                self.execute(index).await?;
            } else if self.verb(index) == Verb::CreateTemporary {
                return Err(self.temporary_table_gone(index));
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

    pub async fn go(mut self, from: usize) -> Result<Applied, End> {
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
    pub async fn take(&mut self, index: usize) -> Result<(), End> {
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
    pub async fn take_plain(&mut self, index: usize) -> Result<(), End> {
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
    pub async fn take_ddl(&mut self, index: usize) -> Result<(), End> {
        let touched = touched::touched(self.sql(index));
        self.intend(index, touched).await?;
        self.change(index).await?;
        self.record_unless_last(index).await
    }

    /// A procedure may commit inside or not: its transaction is ours as long as the server says so.
    pub async fn take_call(&mut self, index: usize) -> Result<(), End> {
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

    pub async fn take_begin(&mut self, index: usize) -> Result<(), End> {
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
    pub async fn take_commit(&mut self, index: usize) -> Result<(), End> {
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

    pub async fn take_rollback(&mut self, index: usize) -> Result<(), End> {
        self.execute(index).await?;
        self.open = Open::Nothing;
        if self.in_transaction().await? {
            return self.enter_files_transaction(index + 1).await;
        }
        self.record_unless_last(index).await
    }

    pub async fn take_lock(&mut self, index: usize) -> Result<(), End> {
        self.intend(
            index,
            unclear("the file held LOCK TABLES, under which no progress can be written"),
        )
        .await?;
        self.execute(index).await?;
        self.open = Open::Tables;
        Ok(())
    }

    pub async fn take_under_table_locks(&mut self, index: usize, kind: Kind) -> Result<(), End> {
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

    pub async fn execute(&mut self, index: usize) -> Result<(), End> {
        let sql = self.sql(index).to_owned();
        self.execute_text(index, &sql).await
    }

    /// A statement, as it is told to the server.
    pub async fn execute_text(&mut self, index: usize, sql: &str) -> Result<(), End> {
        match apply::statement_text(self.session, self.job, sql).await {
            Ok(answer) => {
                let kept = apply::keep_warnings(self.session, &answer, &mut self.warnings).await;
                kept.map_err(|t| apply::of_trouble(self.session, self.job, t, "reading warnings"))
            }
            Err(trouble) => Err(self.of_statement(index, trouble).await),
        }
    }

    /// What a statement came to that was not answered well.
    pub async fn of_statement(&mut self, index: usize, trouble: Trouble) -> End {
        match trouble {
            Trouble::Lost(source) => apply::lost(
                self.job,
                Some(index),
                "while a statement ran",
                source.as_ref(),
            ),
            Trouble::Server(error) => self.fail(index, error).await,
        }
    }

    pub async fn in_transaction(&mut self) -> Result<bool, End> {
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

    pub fn total(&self) -> usize {
        self.job.script.statements.len()
    }

    pub fn sql(&self, index: usize) -> &str {
        self.job.script.sql(&self.job.script.statements[index])
    }

    pub fn verb(&self, index: usize) -> Verb {
        verb::verb(self.sql(index))
    }

    pub fn kind(&self, index: usize) -> Kind {
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
