//! Jobs in one transaction that don't fit one message: large files, and COPY with its data.

use std::{sync::atomic::Ordering, time::Instant};

use super::{
    guard::{self, Guard, Tripped},
    link::{Answer, Trouble},
    message::{Message, What},
    session::PgSession,
};
use crate::job::{Attempt, Job, Note, Progress};

/// A message of this size is sent off; larger ones cost the server many times their size.
const PIECE: usize = 256 * 1024;

/// What is still to be sent, and what the last message was.
struct Pieces {
    message: Message,
    sent: Option<(Message, Answer)>,
    /// The job that has ended our transaction.
    ended: Option<usize>,
}

impl PgSession {
    pub(super) async fn in_pieces(&mut self, jobs: &[Job], progress: Progress<'_>) -> Attempt {
        let started = Instant::now();
        let guard = Guard::new();
        let mut pieces = Pieces {
            message: Message::default(),
            sent: None,
            ended: None,
        };
        self.worn = true;
        pieces.message.push(What::Head, "BEGIN");
        for (number, job) in jobs.iter().enumerate() {
            if !self
                .job_in_pieces(&mut pieces, number, job, &guard, progress)
                .await
            {
                break;
            }
        }
        if let Some(number) = pieces.ended {
            return self.guarded(&jobs[number], Tripped::Ended, None).await;
        }
        let (message, answer) = match pieces.sent {
            Some(sent) => sent,
            None => {
                self.end_message(&mut pieces.message, &guard);
                let text = pieces.message.text();
                let answer = self.link.run_marked(text, guard.token()).await;
                (pieces.message, answer)
            }
        };
        self.judge(jobs, &message, answer, &guard, started, progress)
            .await
    }

    /// False once something went wrong.
    async fn job_in_pieces(
        &mut self,
        pieces: &mut Pieces,
        number: usize,
        job: &Job,
        guard: &Guard,
        progress: Progress<'_>,
    ) -> bool {
        self.before(&mut pieces.message, number, job, guard);
        for (index, statement) in job.script.statements.iter().enumerate() {
            let sql = job.script.sql(statement);
            let what = What::File {
                job: number,
                statement: index,
            };
            let data = statement.copy_data.clone();
            if data.is_some() || pieces.message.text().len() + sql.len() > PIECE {
                if !self.flush(pieces).await {
                    return false;
                }
                progress(Note::Statement {
                    migration: job.migration.clone(),
                    done: index as u32,
                    total: job.script.statements.len() as u32,
                });
            }
            if guard::resets_all(sql) {
                if !self.reset_all(pieces, what, sql, job, guard).await {
                    return false;
                }
                continue;
            }
            match data {
                None => pieces.message.push(what, sql),
                Some(data) => {
                    let copied = self.link.copy_in(sql, &job.script.text[data]).await;
                    if let Err(trouble) = copied {
                        let mut message = Message::default();
                        message.push(what, sql);
                        pieces.stop(message, trouble);
                        return false;
                    }
                }
            }
        }
        self.next_rank = None;
        self.finish(&mut pieces.message, number, job, guard, None);
        true
    }

    /// The file's RESET ALL takes Greylag's own settings with it: they are set again behind it, where the transaction was ours
    /// before it.
    async fn reset_all(
        &mut self,
        pieces: &mut Pieces,
        what: What,
        sql: &str,
        job: &Job,
        guard: &Guard,
    ) -> bool {
        pieces.message.push(What::Head, Guard::SHOWN);
        let message = std::mem::take(&mut pieces.message);
        let answer = self.link.run_marked(message.text(), guard.token()).await;
        if answer.trouble.is_some() {
            pieces.sent = Some((message, answer));
            return false;
        }
        if !answer.has(guard.token()) {
            pieces.ended = what.job();
            return false;
        }
        pieces.message.push(what, sql);
        self.limits(&mut pieces.message, job, guard);
        true
    }

    async fn flush(&mut self, pieces: &mut Pieces) -> bool {
        if pieces.message.is_empty() {
            return true;
        }
        let message = std::mem::take(&mut pieces.message);
        let mut answer = self.link.run(message.text(), usize::MAX).await;
        if self.cancelled.load(Ordering::Relaxed) && answer.trouble.is_none() {
            // The cancel fell between two messages: an empty transaction block is ended by an error of our own making.
            answer = self
                .link
                .run(
                    "SELECT pg_catalog.pg_cancel_backend(pg_catalog.pg_backend_pid())",
                    usize::MAX,
                )
                .await;
        }
        match answer.trouble {
            None => true,
            Some(_) => {
                pieces.sent = Some((message, answer));
                false
            }
        }
    }
}

impl Pieces {
    fn stop(&mut self, message: Message, trouble: Trouble) {
        let answer = Answer {
            trouble: Some(trouble),
            ..Answer::default()
        };
        self.sent = Some((message, answer));
    }
}
