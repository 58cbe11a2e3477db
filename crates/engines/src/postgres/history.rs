//! Rows of the history table and of `greylag_step`, as the session writes them.

use greylag_core::{
    migration::MigrationId,
    outcome::Failure,
    survey::{Intent, StepRow, StepState},
};

use super::{
    guard::{Guard, locked},
    quote::{literal, nullable},
    session::PgSession,
};
use crate::{
    error::EngineError,
    flyway,
    job::Job,
    step::{self, StepColumns, StepError},
};
use tokio_postgres::SimpleQueryRow;

/// What a step row is to say.
pub struct StepWrite<'a> {
    pub state: StepState,
    pub done: usize,
    pub hashes: &'a [String],
    pub intent: Option<&'a Intent>,
    pub failure: Option<&'a Failure>,
}

impl PgSession {
    /// The history row of a job that ran in this transaction, guarded. Returns its mark and its execution time.
    ///
    /// Few functions and operators: a fresh backend looks each of them up in its catalog.
    pub(super) fn insert_history(
        &self,
        job: &Job,
        guard: &Guard,
        number: usize,
        millis: &str,
        rank: Option<i32>,
    ) -> String {
        let table = self.table(&self.target.history_table);
        let rank = match rank {
            Some(rank) => rank.to_string(),
            None => format!("(SELECT coalesce(max(installed_rank), 0) + 1 FROM {table})"),
        };
        format!(
            "INSERT INTO {table} (installed_rank, version, description, type, script, checksum, \
             installed_by, execution_time, success) VALUES ({rank}, {version}, {description}, '{kind}', \
             {script}, {checksum}, {by}, {millis}, true) RETURNING '{written}', execution_time",
            written = guard.written(number),
            rank = guard.own(&rank),
            version = nullable(flyway::version(&job.migration)),
            description = locked(&self.keys, &literal(&flyway::description(&job.description))),
            kind = flyway::kind(&job.migration),
            script = literal(&flyway::script(&job.script_name)),
            checksum = job.checksum.map_or("NULL".into(), |sum| sum.to_string()),
            by = match (&job.installed_by, self.user.as_str()) {
                (Some(by), _) => literal(&by.chars().take(100).collect::<String>()),
                // Session SQL may have made us somebody else.
                (None, user) if !user.is_empty() && self.session_sql.is_empty() => literal(user),
                (None, _) => "current_user".into(),
            },
        )
    }

    /// Flyway's mark of a migration that failed outside of a transaction, so that Flyway runs nothing over what stands of it; none
    /// in a table of ours.
    pub(super) fn mark_failed(&self, job: &Job) -> Option<[String; 2]> {
        let forget = self.forget_failed(&job.migration)?;
        let table = self.table(&self.target.history_table);
        let insert = format!(
            "INSERT INTO {table} (installed_rank, version, description, type, script, checksum, \
             installed_by, execution_time, success) VALUES ((SELECT coalesce(max(installed_rank), 0) + 1 FROM {table}), \
             {version}, {description}, '{kind}', {script}, {checksum}, {by}, 0, false)",
            version = nullable(flyway::version(&job.migration)),
            description = literal(&flyway::description(&job.description)),
            kind = flyway::kind(&job.migration),
            script = literal(&flyway::script(&job.script_name)),
            checksum = job.checksum.map_or("NULL".into(), |sum| sum.to_string()),
            by = match &job.installed_by {
                Some(by) => literal(&by.chars().take(100).collect::<String>()),
                None => "current_user".into(),
            },
        );
        Some([forget, insert])
    }

    /// Takes that mark away again.
    pub(super) fn forget_failed(&self, migration: &MigrationId) -> Option<String> {
        if &*self.target.history_table != flyway::TABLE {
            return None;
        }
        let about = match migration {
            MigrationId::Versioned(version) => format!(
                "version = {} AND type NOT LIKE 'UNDO%'",
                literal(version.as_str())
            ),
            MigrationId::Undo(version) => {
                format!(
                    "version = {} AND type LIKE 'UNDO%'",
                    literal(version.as_str())
                )
            }
            MigrationId::Repeatable(description) => format!(
                "version IS NULL AND description = {}",
                literal(&flyway::description(description))
            ),
        };
        let table = self.table(flyway::TABLE);
        Some(format!("DELETE FROM {table} WHERE NOT success AND {about}"))
    }

    /// Writes a migration's step row, whether there is one or not.
    pub(super) fn write_step(
        &self,
        job: &Job,
        write: &StepWrite<'_>,
        guard: Option<&Guard>,
    ) -> String {
        let done = write.done.to_string();
        let state = format!("'{}'", step::state(write.state));
        format!(
            "INSERT INTO {table} AS s (project, migration, checksum, state, rollout, epoch, \
             statements_done, statements_total, hashes, intent, failure) \
             VALUES ({project}, {migration}, {checksum}, {state}, {rollout}, {epoch}, {done}, {total}, \
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
            state = guard.map_or_else(|| state.clone(), |guard| guard.own(&state)),
            rollout = literal(&job.rollout),
            epoch = job.epoch,
            done = guard.map_or_else(|| done.clone(), |_| locked(&self.keys, &done)),
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

    /// The step row of one migration, if there is one.
    pub(super) async fn find_step(
        &mut self,
        migration: &MigrationId,
    ) -> Result<Option<StepRow>, EngineError> {
        if self.tables.is_some_and(|tables| !tables.step) {
            return Ok(None);
        }
        let sql = format!(
            "SELECT {STEP} FROM {} WHERE project = {} AND migration = {}",
            self.table("greylag_step"),
            literal(&self.target.project),
            literal(&migration.to_string()),
        );
        let rows = self.query("reading the step row", &sql).await?;
        let row = rows.first().map(step_row).transpose();
        row.map_err(|why| EngineError::Foreign {
            address: self.target.address(),
            what: "a row of greylag_step".into(),
            why: why.to_string(),
        })
    }
}

/// How many columns `step_row` reads.
pub const STEP_COLUMNS: usize = 9;

/// The columns that `step_row` reads.
pub const STEP: &str =
    "migration, state, rollout, epoch, statements_done, statements_total, hashes, intent, failure";

pub fn step_row(row: &SimpleQueryRow) -> Result<StepRow, StepError> {
    let text = |at: usize| row.get(at).unwrap_or("").to_owned();
    step::decode(&StepColumns {
        migration: text(0),
        state: text(1),
        rollout: text(2),
        epoch: text(3),
        statements_done: text(4),
        statements_total: text(5),
        hashes: text(6),
        intent: row.get(7).map(str::to_owned),
        failure: row.get(8).map(str::to_owned),
    })
}
