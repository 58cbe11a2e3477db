//! Jobs in one transaction, with their history rows: one message, one round trip.

use std::time::Instant;

use greylag_core::{
    outcome::{Doubt, FailureClass, Left},
    script::RunMode,
    survey::{Intent, StepState},
};
use tokio_postgres::error::DbError;

use super::{
    failure,
    guard::{self, Guard, Tripped},
    history::StepWrite,
    image::Subject,
    link::{Answer, Trouble, plain, position},
    message::{Message, Spot, What},
    session::PgSession,
    stepwise::Stop,
};
use crate::job::{Applied, Attempt, Job, Note, Progress};

impl PgSession {
    pub(super) async fn apply_jobs(&mut self, jobs: &[Job], progress: Progress<'_>) -> Attempt {
        for job in jobs {
            let refused = guard::forbidden(job).or_else(|| match job.mode {
                RunMode::Transaction => guard::controls(job),
                RunMode::Statements { .. } => None,
            });
            if let Some(failure) = refused {
                return Attempt::Failed(failure);
            }
        }
        // Where nobody looked yet: home and tables must be known.
        if self.tables.is_none()
            && let Err(error) = self.look().await
        {
            return Attempt::Failed(self.not_started(jobs, &error));
        }
        self.begin_attempt();
        for job in jobs.iter().filter(|job| job.mode == RunMode::Transaction) {
            if let Err(stop) = self.nothing_stands(job).await {
                return *stop;
            }
        }
        let is_stepwise = |job: &Job| job.mode != RunMode::Transaction;
        let is_long = |job: &Job| job.script.is_large() || job.script.has_copy();
        if !jobs.iter().any(|job| is_stepwise(job) || is_long(job)) {
            return self.in_one_message(jobs, progress).await;
        }
        if let Err(error) = self.make_now().await {
            return Attempt::Failed(self.not_started(&[], &error));
        }
        match jobs {
            [job] if is_stepwise(job) => self.step_through(job, progress).await,
            _ if jobs.iter().any(is_long) => self.in_pieces(jobs, progress).await,
            _ => self.in_one_message(jobs, progress).await,
        }
    }

    /// A transaction takes all of a file or nothing: what an earlier run left of it can't be taken up by one.
    async fn nothing_stands(&mut self, job: &Job) -> Result<(), Stop> {
        if self
            .steps
            .as_ref()
            .is_some_and(|steps| !steps.contains(&job.migration))
        {
            return Ok(());
        }
        let row = match self.find_step(&job.migration).await {
            Ok(row) => row,
            Err(error) => {
                let failure = self.not_started(std::slice::from_ref(job), &error);
                return Err(Box::new(Attempt::Failed(failure)));
            }
        };
        let Some(row) = row.filter(|row| row.state != StepState::Applied) else {
            return Ok(());
        };
        if let Some(intent) = &row.intent {
            return Err(Box::new(Attempt::Unknown(self.doubt(job, intent))));
        }
        if row.statements_done == 0 {
            return Ok(());
        }
        let message = format!(
            "{} of the file's statements are already done on this shard, one by one; a transaction would do them again",
            row.statements_done
        );
        let hint = "Add `-- greylag:transaction off`: the run then goes on after them.";
        let mut failure = failure::refusal(job, message, None, Some(hint.into()));
        failure.left = Left::Partial {
            done: row.statements_done,
            total: row.statements_total,
        };
        Err(Box::new(Attempt::Failed(failure)))
    }

    async fn in_one_message(&mut self, jobs: &[Job], progress: Progress<'_>) -> Attempt {
        let started = Instant::now();
        loop {
            let guard = Guard::new();
            let message = self.whole(jobs, &guard);
            let keep = message.index(What::History { job: 0 }).unwrap_or(0);
            self.worn = true;
            let mut answer = self.link.run(message.text(), keep).await;
            if let Err(error) = self.judge_tables(&message, &mut answer).await {
                return Attempt::Failed(self.not_started(&[], &error));
            }
            if self.next_rank.is_some() && rank_is_taken(&message, &answer) {
                // Somebody wrote a row by hand since the survey: the server is asked for the next rank after all.
                self.next_rank = None;
                self.link.run("ROLLBACK", usize::MAX).await;
                continue;
            }
            self.worn = answer.trouble.is_some();
            let attempt = self.judge(jobs, &message, answer, started, progress).await;
            if self.worn && matches!(attempt, Attempt::Applied(_)) {
                // What comes behind the COMMIT went wrong, and may have left a transaction of its own.
                self.link.run("ROLLBACK", usize::MAX).await;
                self.link.hush();
            }
            return attempt;
        }
    }

    /// What one message's answer says about its jobs.
    pub(super) async fn judge(
        &mut self,
        jobs: &[Job],
        message: &Message,
        mut answer: Answer,
        started: Instant,
        progress: Progress<'_>,
    ) -> Attempt {
        let warnings = self.warnings();
        let committed = message
            .index(What::Commit)
            .is_some_and(|commit| answer.completed > commit);
        match answer.trouble.take() {
            Some(Trouble::Server(said)) if !committed => {
                let spot = message.spot(answer.completed, position(&said));
                self.failed(jobs, &said, spot).await
            }
            Some(Trouble::Lost(error)) if !committed => {
                if answer.unsent {
                    return Attempt::Failed(self.lost_before(jobs, &error));
                }
                Attempt::Unknown(Doubt {
                    migration: jobs.last().map(|job| job.migration.clone()),
                    place: None,
                    why: format!(
                        "the connection to {} was lost before the answer came: {}",
                        self.target.address(),
                        plain(&error)
                    ),
                    needs_person: false,
                })
            }
            _ => {
                self.next_rank = self.next_rank.map(|rank| rank + jobs.len() as i32);
                if let Some(steps) = &mut self.steps {
                    steps.retain(|step| !jobs.iter().any(|job| job.migration == *step));
                }
                self.applied(jobs, message, &answer, started, warnings, progress)
            }
        }
    }

    fn applied(
        &self,
        jobs: &[Job],
        message: &Message,
        answer: &Answer,
        started: Instant,
        warnings: Vec<String>,
        progress: Progress<'_>,
    ) -> Attempt {
        let mut position = None;
        for (index, row) in &answer.rows {
            match message.what(*index) {
                Some(What::History { job }) => progress(Note::Applied {
                    migration: jobs[job].migration.clone(),
                    millis: row.get(0).and_then(|ms| ms.parse().ok()).unwrap_or(0),
                }),
                Some(What::After) => position = self.position_of(row),
                _ => {}
            }
        }
        Attempt::Applied(Applied {
            millis: started.elapsed().as_millis() as u64,
            position,
            warnings,
        })
    }

    /// Undoes what is open, lets the shard remember, and says what the server said.
    pub(super) async fn failed(&mut self, jobs: &[Job], said: &DbError, spot: Spot) -> Attempt {
        let (number, statement) = match spot.what {
            What::File { job, statement } => (job, Some(statement)),
            What::Tail { job } | What::History { job } => (job, None),
            What::Head | What::Tables => (0, None),
            What::Commit | What::After | What::Renewal => (jobs.len() - 1, None),
        };
        let job = &jobs[number];
        let mut failure = failure::failure(said, job, statement, spot.at, Left::Nothing);
        self.mend_class(job, &mut failure);
        if let (What::History { .. }, Some(tripped)) = (spot.what, guard::tripped(said)) {
            return self.guarded(job, tripped).await;
        }
        self.link.run("ROLLBACK", usize::MAX).await;
        if failure.class == FailureClass::Lock {
            failure.blockers = self.in_the_way(job, statement).await;
        }
        if self.worth_remembering(&failure) {
            let write = StepWrite {
                state: StepState::Failed,
                done: 0,
                hashes: &[],
                intent: None,
                failure: Some(&failure),
            };
            self.remember(job, &write).await;
        }
        self.link.hush();
        Attempt::Failed(failure)
    }

    /// Everything from the transaction's beginning to the reset behind it.
    fn whole(&self, jobs: &[Job], guard: &Guard) -> Message {
        let mut message = Message::default();
        self.reset_if_worn(&mut message);
        if !self.making.is_empty() {
            message.push(What::Tables, "BEGIN");
            for sql in &self.making {
                message.push(What::Tables, sql);
            }
            message.push(What::Tables, "COMMIT");
        }
        message.push(What::Head, "BEGIN");
        for (number, job) in jobs.iter().enumerate() {
            self.before(&mut message, number, job, guard);
            for (index, statement) in job.script.statements.iter().enumerate() {
                let what = What::File {
                    job: number,
                    statement: index,
                };
                message.push(what, job.script.sql(statement));
            }
            let rank = self.next_rank.map(|rank| rank + number as i32);
            self.finish(&mut message, number, job, guard, rank);
        }
        message.push(What::Commit, "COMMIT");
        if self.positions {
            message.push(What::After, self.position_sql());
        }
        self.renew(&mut message);
        message
    }

    /// The guard refused the history row: the file ended our transaction, or our lock is somebody else's.
    pub(super) async fn guarded(&mut self, job: &Job, tripped: Tripped) -> Attempt {
        self.link.run("ROLLBACK", usize::MAX).await;
        let ended = tripped == Tripped::Ended;
        let why = if ended {
            format!(
                "{} ended the transaction that Greylag had opened for it: what ran before its COMMIT may stand, \
                 and no history row was written. Take its BEGIN, COMMIT and ROLLBACK out, or add \
                 `-- greylag:transaction off`",
                job.script_name
            )
        } else {
            "the shard's lock was lost while the migration ran, and somebody else has it; it was rolled back".into()
        };
        if !ended {
            self.link.hush();
            let mut failure = failure::refusal(job, why, None, None);
            failure.class = FailureClass::Conflict;
            return Attempt::Failed(failure);
        }
        let intent = Intent {
            statement: 0,
            hash: String::new(),
            before: serde_json::json!({ "subject": Subject::Ended }),
        };
        let write = StepWrite {
            state: StepState::Running,
            done: 0,
            hashes: &[],
            intent: Some(&intent),
            failure: None,
        };
        self.remember(job, &write).await;
        self.link.hush();
        Attempt::Unknown(Doubt {
            migration: Some(job.migration.clone()),
            place: None,
            why,
            needs_person: true,
        })
    }
}

fn rank_is_taken(message: &Message, answer: &Answer) -> bool {
    let at_history = matches!(message.what(answer.completed), Some(What::History { .. }));
    let taken = |said: &DbError| said.code().code() == "23505";
    at_history && matches!(&answer.trouble, Some(Trouble::Server(said)) if taken(said))
}
