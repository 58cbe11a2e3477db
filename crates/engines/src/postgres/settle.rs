//! What became of a job that may have been under way. Called under the lock: nothing of it runs any more.

use greylag_core::{
    outcome::Doubt,
    survey::{Intent, StepRow, StepState},
};

use super::{
    image::{Image, Index, Subject, Verdict},
    session::PgSession,
};
use crate::{
    error::EngineError,
    flyway,
    job::{Job, Settled},
};

const DOING: &str = "settling a migration";

impl PgSession {
    pub(super) async fn settle_job(&mut self, job: &Job) -> Result<Settled, EngineError> {
        let seen = self.look().await?;
        if flyway::holds(&seen.history, job) {
            return Ok(Settled::Applied);
        }
        let step = seen
            .steps
            .iter()
            .find(|step| step.migration == job.migration);
        let Some(intent) = step.and_then(open_intent) else {
            // In a transaction the history row came with the effects or neither did; between statements the step row
            // says what is done. Either way a run may go on.
            return Ok(Settled::Absent);
        };
        let (verdict, _) = self.compare(intent).await?;
        Ok(match verdict {
            // A statement found done is written down by the run that goes on after it.
            Verdict::Absent | Verdict::Done => Settled::Absent,
            Verdict::Unknown => Settled::Unknown(self.doubt(job, intent)),
        })
    }

    /// What the catalog says of a statement that was about to run.
    pub(super) async fn compare(
        &mut self,
        intent: &Intent,
    ) -> Result<(Verdict, Option<Image>), EngineError> {
        let before: Image = match serde_json::from_value(intent.before.clone()) {
            Ok(before) => before,
            Err(error) => {
                return Err(EngineError::Foreign {
                    address: self.target.address(),
                    what: "an intent of greylag_step".into(),
                    why: error.to_string(),
                });
            }
        };
        let now = self.picture(&before.subject).await?;
        Ok((before.compare(&now), Some(before)))
    }

    /// What the catalog shows of a subject now.
    pub(super) async fn picture(&mut self, subject: &Subject) -> Result<Image, EngineError> {
        let mut image = Image {
            subject: subject.clone(),
            indexes: Vec::new(),
            there: None,
        };
        let Some(sql) = subject.query() else {
            return Ok(image);
        };
        let rows = self.query(DOING, &sql).await?;
        match subject {
            Subject::Thing { .. } => image.there = rows.first().map(|row| row.get(0) == Some("t")),
            _ => {
                image.indexes = rows
                    .iter()
                    .map(|row| Index {
                        oid: row.get(0).and_then(|oid| oid.parse().ok()).unwrap_or(0),
                        name: row.get(1).unwrap_or("").to_owned(),
                        definition: row.get(2).unwrap_or("").to_owned(),
                        valid: row.get(3) == Some("t"),
                    })
                    .collect();
            }
        }
        Ok(image)
    }

    pub(super) fn doubt(&self, job: &Job, intent: &Intent) -> Doubt {
        let place = job
            .script
            .place(&job.script_name, intent.statement as usize);
        let ended = serde_json::from_value::<Image>(intent.before.clone())
            .is_ok_and(|image| image.subject == Subject::Ended);
        let why = match ended {
            true => format!(
                "{} ended the transaction that Greylag had opened for it, and part of it may stand",
                job.script_name
            ),
            false => format!(
                "statement {} of {} was under way when its run ended, and the catalog can't tell whether it took effect",
                intent.statement + 1,
                job.script_name
            ),
        };
        Doubt {
            migration: Some(job.migration.clone()),
            place,
            why,
            needs_person: true,
        }
    }
}

/// The statement that an unfinished run was at.
pub fn open_intent(step: &StepRow) -> Option<&Intent> {
    match step.state {
        StepState::Applied => None,
        StepState::Running | StepState::Failed => step.intent.as_ref(),
    }
}
