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
    link::{Answer, Trouble, position},
    message::{Message, Spot, What},
    session::PgSession,
    stepwise::Stop,
    verdict::{Verdict, doubt},
};
use crate::{
    error::EngineError,
    job::{Applied, Attempt, Job, Note, Progress},
};

/// What stands around a file in its message takes about so much.
const OURS: usize = 1_500;

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
        if let Err(error) = self.begin(jobs).await {
            return Attempt::Failed(self.not_started(jobs, &error));
        }
        self.begin_attempt();
        for job in jobs.iter().filter(|job| job.mode == RunMode::Transaction) {
            if let Err(stop) = self.nothing_stands(job).await {
                return *stop;
            }
        }
        let is_stepwise = |job: &Job| job.mode != RunMode::Transaction;
        let is_long = |job: &Job| job.script.is_large() || job.script.has_copy() || resets_all(job);
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

    /// The session as a file is to find it; what is needed to know of the shard.
    async fn begin(&mut self, jobs: &[Job]) -> Result<(), EngineError> {
        let goes_on = matches!(jobs, [job] if self.half_way.as_ref() == Some(&job.migration)
            && job.mode != RunMode::Transaction);
        if !goes_on && self.half_way.take().is_some() {
            self.worn = true;
        }
        self.refresh().await?;
        // Where nobody looked yet: home and tables must be known.
        if self.tables.is_none() {
            self.look().await?;
        }
        Ok(())
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
            self.worn = true;
            let mut answer = self.link.run_marked(message.text(), guard.token()).await;
            match self.judge_tables(&message, &mut answer).await {
                Ok(None) => {}
                Ok(Some(text)) => progress(Note::Warning {
                    migration: jobs[0].migration.clone(),
                    text,
                }),
                Err(error) => return Attempt::Failed(self.not_started(&[], &error)),
            }
            if self.next_rank.is_some() && self.rank_is_taken(&answer) {
                // Somebody wrote a row by hand since the survey: the server is asked for the next rank after all.
                self.next_rank = None;
                self.link.run("ROLLBACK", usize::MAX).await;
                if let Err(error) = self.refresh().await {
                    return Attempt::Failed(self.not_started(jobs, &error));
                }
                continue;
            }
            return self
                .judge(jobs, &message, answer, &guard, started, progress)
                .await;
        }
    }

    /// What the answer to the message that ends a transaction says about its jobs.
    pub(super) async fn judge(
        &mut self,
        jobs: &[Job],
        message: &Message,
        mut answer: Answer,
        guard: &Guard,
        started: Instant,
        progress: Progress<'_>,
    ) -> Attempt {
        let mut warnings = self.warnings();
        let verdict = match &answer.trouble {
            Some(Trouble::Lost(error)) if answer.unsent && !answer.has(&guard.marked()) => {
                return Attempt::Failed(self.lost_before(jobs, error));
            }
            _ => self.verdict(&answer, guard).await,
        };
        let trouble = answer.trouble.take();
        self.worn = trouble.is_some();
        match (verdict, trouble) {
            (Verdict::Committed, trouble) => {
                if let Some(trouble) = trouble {
                    warnings.extend({
                        let completed = self.recount(message, &answer, guard);
                        self.behind(message, completed, &trouble).await
                    });
                }
                self.next_rank = self.next_rank.map(|rank| rank + jobs.len() as i32);
                if let Some(steps) = &mut self.steps {
                    steps.retain(|step| !jobs.iter().any(|job| job.migration == *step));
                }
                self.applied(jobs, guard, &answer, started, warnings, progress)
            }
            (Verdict::RolledBack { was_open }, Some(Trouble::Server(said))) => {
                let spot = message.spot(answer.completed, position(&said));
                self.failed(jobs, &said, spot, was_open, progress).await
            }
            (Verdict::RolledBack { .. }, _) => Attempt::Unknown(doubt(
                jobs.last().map(|job| job.migration.clone()),
                "nothing was refused, and nothing was committed".into(),
            )),
            (Verdict::Unknown(why), _) => {
                self.worn = true;
                Attempt::Unknown(doubt(jobs.last().map(|job| job.migration.clone()), why))
            }
        }
    }

    /// What comes behind the COMMIT went wrong, and may have left a transaction of its own. The file's work stands; what went
    /// wrong will concern the next one.
    async fn behind(
        &self,
        message: &Message,
        completed: usize,
        trouble: &Trouble,
    ) -> Option<String> {
        let Trouble::Server(said) = trouble else {
            return None;
        };
        self.link.run("ROLLBACK", usize::MAX).await;
        self.link.hush();
        let what = message.spot(completed, position(said)).what;
        let said = match self.session_sql_failed(what, said) {
            Some(failed) => failed,
            None => said.message().to_owned(),
        };
        Some(format!(
            "it is applied, and its session could not be reset behind it: {said}"
        ))
    }

    fn applied(
        &self,
        jobs: &[Job],
        guard: &Guard,
        answer: &Answer,
        started: Instant,
        warnings: Vec<String>,
        progress: Progress<'_>,
    ) -> Attempt {
        for (number, job) in jobs.iter().enumerate() {
            let row = answer.marked(&guard.written(number));
            progress(Note::Applied {
                migration: job.migration.clone(),
                millis: row.and_then(|row| row.get(1)?.parse().ok()).unwrap_or(0),
            });
        }
        let position = answer.marked(&guard.placed());
        Attempt::Applied(Applied {
            millis: started.elapsed().as_millis() as u64,
            position: position.and_then(|row| self.position_of(row)),
            warnings,
        })
    }

    /// Undoes what is open, lets the shard remember, and says what the server said.
    pub(super) async fn failed(
        &mut self,
        jobs: &[Job],
        said: &DbError,
        spot: Spot,
        was_open: bool,
        progress: Progress<'_>,
    ) -> Attempt {
        let (number, statement) = match spot.what {
            What::File { job, statement } => (job, Some(statement)),
            What::Tail { job } | What::History { job } | What::Clearing { job } => (job, None),
            What::Head | What::Tables => (0, None),
            What::Session { .. } | What::Commit | What::After | What::Renewal => {
                (jobs.len() - 1, None)
            }
        };
        let job = &jobs[number];
        if let Some(error) = self.of_session_sql(spot.what, said) {
            self.link.run("ROLLBACK", usize::MAX).await;
            self.link.hush();
            return Attempt::Failed(self.not_started(&[], &error));
        }
        if let Some(tripped) = guard::tripped(said, &self.target.history_table) {
            return self.guarded(job, tripped, Some(was_open)).await;
        }
        let mut failure = failure::failure(said, job, statement, spot.at, Left::Nothing);
        self.mend_class(job, &mut failure);
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
            // A shard that can't remember is no worse off than before.
            if let Err(text) = self.remember(job, &write).await {
                progress(Note::Warning {
                    migration: job.migration.clone(),
                    text,
                });
            }
        }
        self.link.hush();
        Attempt::Failed(failure)
    }

    /// Everything from the transaction's beginning to the reset behind it.
    fn whole(&self, jobs: &[Job], guard: &Guard) -> Message {
        let files: usize = jobs.iter().map(|job| OURS + job.script.text.len()).sum();
        let making: usize = self.making.iter().map(|sql| sql.len() + 2).sum();
        let mut message = Message::with_room(files + making + 64);
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
        self.end_message(&mut message, guard);
        message
    }

    /// COMMIT, and what comes behind it.
    pub(super) fn end_message(&self, message: &mut Message, guard: &Guard) {
        self.end_with_mark(message, guard);
        let position = self.positions.then(|| self.position_sql(&guard.placed()));
        self.renew(message, position.as_deref());
    }

    /// The guard refused the history row: the file ended our transaction or took its mark away, or our lock is somebody else's.
    /// Where nothing was open any more, ours had been ended, and no other was begun.
    pub(super) async fn guarded(
        &mut self,
        job: &Job,
        tripped: Tripped,
        was_open: Option<bool>,
    ) -> Attempt {
        self.link.run("ROLLBACK", usize::MAX).await;
        self.link.hush();
        let (why, class) = match tripped {
            Tripped::Unlocked => (
                "the shard's lock was lost while the migration ran, and somebody else has it; it was rolled back".to_owned(),
                FailureClass::Conflict,
            ),
            Tripped::Ended if was_open == Some(true) && !guard::can_begin_another(job) => (
                format!(
                    "{} runs RESET ALL in a function, which takes away Greylag's mark of its transaction: it was rolled back, \
                     and nothing of it stands",
                    job.script_name
                ),
                FailureClass::Refused,
            ),
            Tripped::Ended => return self.ended(job, was_open == Some(false)).await,
        };
        let mut failure = failure::refusal(job, why, None, None);
        failure.class = class;
        if class == FailureClass::Refused {
            failure.hint = Some(
                "Let the function reset its settings by name, or have a SET clause of its own; RESET ALL may stand in the file \
                 itself."
                    .into(),
            );
        }
        Attempt::Failed(failure)
    }

    /// What ran before the file's own COMMIT may stand.
    async fn ended(&mut self, job: &Job, for_certain: bool) -> Attempt {
        let what = match for_certain {
            true => "ended the transaction that Greylag had opened for it",
            false => {
                "ended the transaction that Greylag had opened for it, or took its mark away by RESET ALL in a function"
            }
        };
        let mut why = format!(
            "{} {what}: what ran before its COMMIT may stand, and no history row was written. \
             Take its BEGIN, COMMIT and ROLLBACK out, or add `-- greylag:transaction off`",
            job.script_name
        );
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
        if let Err(error) = self.remember(job, &write).await {
            why = format!(
                "{why}. The shard does not remember this, so that another run would do all of it again: {error}"
            );
        }
        self.link.hush();
        Attempt::Unknown(Doubt {
            migration: Some(job.migration.clone()),
            place: None,
            why,
            needs_person: true,
        })
    }

    /// Whether a row of the history is in the way of the one that was to be written.
    fn rank_is_taken(&self, answer: &Answer) -> bool {
        let Some(Trouble::Server(said)) = &answer.trouble else {
            return false;
        };
        said.code().code() == "23505" && said.table() == Some(&*self.target.history_table)
    }
}

fn resets_all(job: &Job) -> bool {
    let mut statements = job.script.statements.iter();
    statements.any(|cut| guard::resets_all(job.script.sql(cut)))
}
