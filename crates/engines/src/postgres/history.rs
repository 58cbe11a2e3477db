//! Rows of the history table and of `greylag_step`, as the session writes them.

use greylag_core::{
    migration::MigrationId,
    outcome::Failure,
    survey::{Intent, StepState},
};

use super::{
    guard::Guard,
    quote::{literal, nullable},
    session::PgSession,
};
use crate::{flyway, job::Job, step};

/// What a step row is to say.
pub struct StepWrite<'a> {
    pub state: StepState,
    pub done: usize,
    pub hashes: &'a [String],
    pub intent: Option<&'a Intent>,
    pub failure: Option<&'a Failure>,
}

impl PgSession {
    /// The history row of a job that ran in this transaction, guarded. Returns its execution time.
    pub(super) fn insert_history(&self, job: &Job, guard: &Guard, since: &str) -> String {
        let table = self.table(&self.target.history_table);
        let rank = format!("(SELECT coalesce(max(installed_rank), 0) + 1 FROM {table})");
        format!(
            "INSERT INTO {table} (installed_rank, version, description, type, script, checksum, \
             installed_by, execution_time, success) SELECT {rank}, {version}, {description}, '{kind}', \
             {script}, {checksum}, {by}, \
             least(2147483647, extract(epoch FROM pg_catalog.clock_timestamp() - {since}) * 1000)::integer, true \
             RETURNING execution_time",
            rank = guard.around(&self.keys, &rank),
            version = nullable(flyway::version(&job.migration)),
            description = literal(&flyway::description(&job.description)),
            kind = flyway::kind(&job.migration),
            script = literal(&flyway::script(&job.script_name)),
            checksum = job.checksum.map_or("NULL".into(), |sum| sum.to_string()),
            by = match &job.installed_by {
                Some(by) => literal(&by.chars().take(100).collect::<String>()),
                None => "current_user".into(),
            },
        )
    }

    /// Writes a migration's step row, whether there is one or not.
    pub(super) fn write_step(&self, job: &Job, write: &StepWrite<'_>) -> String {
        format!(
            "INSERT INTO {table} AS s (project, migration, checksum, state, rollout, epoch, \
             statements_done, statements_total, hashes, intent, failure) \
             VALUES ({project}, {migration}, {checksum}, '{state}', {rollout}, {epoch}, {done}, {total}, \
             {hashes}, {intent}, {failure}) \
             ON CONFLICT (project, migration) DO UPDATE SET checksum = excluded.checksum, \
             state = excluded.state, rollout = excluded.rollout, epoch = excluded.epoch, \
             statements_done = excluded.statements_done, statements_total = excluded.statements_total, \
             hashes = excluded.hashes, intent = excluded.intent, failure = excluded.failure, \
             updated_at = pg_catalog.clock_timestamp()",
            table = self.table("greylag_step"),
            project = literal(&self.target.project),
            migration = literal(&job.migration.to_string()),
            checksum = job.checksum.map_or("NULL".into(), |sum| sum.to_string()),
            state = step::state(write.state),
            rollout = literal(&job.rollout),
            epoch = job.epoch,
            done = write.done,
            total = job.script.statements.len(),
            hashes = literal(&step::hashes(write.hashes)),
            intent = nullable(write.intent.map(step::intent).as_deref()),
            failure = nullable(write.failure.map(step::failure).as_deref()),
        )
    }

    pub(super) fn forget_step(&self, migration: &MigrationId) -> String {
        format!(
            "DELETE FROM {} WHERE project = {} AND migration = {}",
            self.table("greylag_step"),
            literal(&self.target.project),
            literal(&migration.to_string()),
        )
    }
}
