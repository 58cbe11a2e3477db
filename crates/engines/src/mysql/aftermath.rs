//! After a server's error in a walk: what stands, what was taken back, and a row that remembers it.

use super::{
    apply::{self, End},
    failure, image, quote, steps, stepwise,
    touched::Rule,
    walk::{Kind, Open, Walk},
};
use crate::job::Attempt;
use greylag_core::{
    outcome::{Failure, FailureClass, Left},
    survey::Intent,
};
use mysql_async::ServerError;

impl Walk<'_> {
    /// After a server's error: what stands, what was rolled back, and a row that remembers it.
    pub async fn fail(&mut self, index: usize, error: ServerError) -> End {
        match self.after_error(index, &error).await {
            Ok(failure) => Box::new(Attempt::Failed(failure)),
            Err(end) => end,
        }
    }

    pub async fn after_error(&mut self, index: usize, error: &ServerError) -> Result<Failure, End> {
        let mut failure = failure::of_statement(self.job, index, error, Left::Nothing);
        let open = self.session.link.ask_transaction().await;
        let open =
            open.map_err(|t| apply::of_trouble(self.session, self.job, t, "rolling back"))?;
        let mut done = self.done;
        match self.open {
            Open::Tables => {
                done = index;
                self.book("UNLOCK TABLES".into()).await?;
            }
            // The server has taken back the failed statement alone: what stands before it is kept.
            Open::Ours if open && self.kind(index) == Kind::Plain => done = index,
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
        stepwise::remember(self.session, self.job, done, &failure).await?;
        Ok(failure)
    }

    /// A failed statement may have done a part of its work all the same: `DROP TABLE a, nope` on MariaDB.
    pub async fn look_for_halves(
        &mut self,
        index: usize,
        failure: &mut Failure,
    ) -> Result<(), End> {
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

    pub fn temporary_table_gone(&self, index: usize) -> End {
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
            "change the rest of the file so that it needs no temporary table (what is done stays as it is), then `greylag rollout retry`"
                .into(),
        );
        Box::new(Attempt::Failed(failure))
    }

    pub fn left(&self, done: usize) -> Left {
        match done {
            0 => Left::Nothing,
            done => Left::Partial {
                done: done as u32,
                total: self.total() as u32,
            },
        }
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
