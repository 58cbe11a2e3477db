//! What a walk writes of its progress: intents, steps, and the last step with the history row.

use super::{
    apply::{self, End},
    image,
    link::Trouble,
    online::ToolMark,
    place,
    steps::{self, Step},
    stepwise,
    touched::Touched,
    transaction,
    walk::{Open, Walk},
};
use crate::{job::Attempt, session::Position};
use greylag_core::survey::{Intent, StepState};

impl Walk<'_> {
    /// Writes an intent and commits it, with all that is done so far.
    pub async fn intend(&mut self, index: usize, touched: Touched) -> Result<(), End> {
        self.intend_with(index, touched, None).await.map(drop)
    }

    /// An intent that names what a tool makes, if one is to do it.
    pub async fn intend_with(
        &mut self,
        index: usize,
        touched: Touched,
        tool: Option<ToolMark>,
    ) -> Result<image::Before, End> {
        let database = self.session.names.database.clone();
        let before = image::before(&mut self.session.link, &database, touched).await;
        let mut before = before.map_err(|t| {
            apply::of_trouble(
                self.session,
                self.job,
                t,
                "looking at what a statement touches",
            )
        })?;
        before.tool = tool;
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
        Ok(before)
    }

    /// The same intent, with what has become known of its tool.
    pub async fn intend_again(
        &mut self,
        index: usize,
        before: &image::Before,
        tool: ToolMark,
    ) -> Result<(), End> {
        let before = image::Before {
            tool: Some(tool),
            ..before.clone()
        };
        let intent = apply::intent(self.job, index, &before);
        let sql = self.step_sql(index, Some(&intent));
        self.book(format!("START TRANSACTION; {sql}; COMMIT")).await
    }

    /// Opens a transaction whose step row tells, seen from outside, that something committed half-way.
    pub async fn open_transaction(&mut self, index: usize) -> Result<(), End> {
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

    pub async fn enter_files_transaction(&mut self, index: usize) -> Result<(), End> {
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
    pub async fn close_transaction(&mut self, done: usize) -> Result<(), End> {
        self.book(format!("{}; COMMIT", self.step_sql(done, None)))
            .await?;
        self.open = Open::Nothing;
        self.done = done;
        Ok(())
    }

    /// Writes that so many statements are done, in a transaction of its own.
    pub async fn record(&mut self, done: usize) -> Result<(), End> {
        self.book(format!(
            "START TRANSACTION; {}; COMMIT",
            self.step_sql(done, None)
        ))
        .await?;
        self.done = done;
        Ok(())
    }

    /// The last statement's step row is written with the history row.
    pub async fn record_unless_last(&mut self, index: usize) -> Result<(), End> {
        match index + 1 == self.total() {
            true => Ok(()),
            false => self.record(index + 1).await,
        }
    }

    pub async fn finish(&mut self) -> Result<Option<Position>, End> {
        match self.open {
            Open::Tables => self.book("UNLOCK TABLES; START TRANSACTION".into()).await?,
            Open::Nothing => self.book("START TRANSACTION".into()).await?,
            Open::Files => self
                .warnings
                .push("the file ended inside its own transaction, which was committed with its history row".into()),
            Open::Ours => {}
        }
        self.write_closing().await?;
        match place::commit(self.session).await {
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
    pub async fn write_closing(&mut self) -> Result<(), End> {
        let millis = self.started.elapsed().as_millis() as u64;
        let sql = stepwise::closing_sql(self.session, self.job, &self.hashes, millis);
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

    pub async fn position(&mut self) -> Result<Option<Position>, End> {
        Ok(place::read(self.session).await.unwrap_or(None))
    }

    /// Our own bookkeeping, in one packet.
    pub async fn book(&mut self, sql: String) -> Result<(), End> {
        let mut answers = Vec::new();
        let outcome = self.session.link.run_all(sql, &mut answers).await;
        outcome.map_err(|t| apply::of_trouble(self.session, self.job, t, "writing greylag_step"))
    }

    pub fn step_sql(&self, done: usize, intent: Option<&Intent>) -> String {
        let row = Step {
            state: StepState::Running,
            done,
            hashes: &self.hashes,
            intent,
            failure: None,
        };
        steps::write_sql(&self.session.names, self.job, &row)
    }
}
