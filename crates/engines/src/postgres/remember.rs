//! Notes on the shard of how a migration stands, outside of its own transaction.

use super::{
    history::StepWrite,
    link::Trouble,
    message::{Message, What},
    session::PgSession,
};
use crate::job::Job;

impl PgSession {
    /// Lets the shard remember how a job stands. Says why it can't, for whoever must not go on without.
    pub(super) async fn remember(
        &mut self,
        job: &Job,
        write: &StepWrite<'_>,
    ) -> Result<(), String> {
        if let Err(error) = self.make_step_table().await {
            return Err(error.to_string());
        }
        self.note(&[self.write_step(job, write, None)]).await?;
        if let Some(steps) = &mut self.steps {
            steps.insert(job.migration.clone());
        }
        Ok(())
    }

    /// Flyway's mark of a failure in its own table.
    pub(super) async fn mark(&mut self, job: &Job) -> Result<(), String> {
        let Some(marks) = self.mark_failed(job) else {
            return Ok(());
        };
        self.next_rank = None;
        self.note(&marks).await
    }

    /// Writes as whoever the project's session SQL makes us, whatever a file made of the session: itself somebody else, or
    /// read-only.
    async fn note(&self, rows: &[String]) -> Result<(), String> {
        let mut message = Message::default();
        message.push(
            What::Head,
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        );
        self.own_role(&mut message, What::Head);
        for sql in rows {
            message.push(What::Head, sql);
        }
        message.push(What::Commit, "COMMIT");
        let answer = self.link.run(message.text(), usize::MAX).await;
        let said = match answer.trouble {
            None => return Ok(()),
            Some(trouble @ Trouble::Lost(_)) => self.broken(DOING, Some(trouble)).to_string(),
            Some(trouble) => {
                let broken = self.broken(DOING, Some(trouble));
                self.link.run("ROLLBACK", usize::MAX).await;
                broken.to_string()
            }
        };
        Err(said)
    }
}

const DOING: &str = "writing to greylag_step";
