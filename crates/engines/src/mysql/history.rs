//! Rows of the history table, in Flyway's format.

use super::{
    link::{Row, Trouble},
    lock,
    names::Names,
    quote,
    session::MysqlSession,
    steps,
};
use crate::{error::EngineError, flyway, job::Job, session::HistoryChange};
use greylag_core::{history::HistoryRow, migration::MigrationId};

/// No such table.
pub const MISSING: u16 = 1146;

/// All rows, in order of their rank.
pub fn all_sql(names: &Names) -> String {
    format!(
        "SELECT installed_rank, version, description, type, script, checksum, installed_by, installed_on, execution_time, success \
         FROM {} ORDER BY installed_rank",
        names.history
    )
}

pub fn read(session: &MysqlSession, row: &Row) -> Result<HistoryRow, EngineError> {
    read_row(&session.names, &session.target.address(), row)
}

pub fn read_row(names: &Names, address: &str, row: &Row) -> Result<HistoryRow, EngineError> {
    let text = |at: usize| row.get(at).cloned().flatten();
    let number = |at: usize, column: &str| -> Result<i32, EngineError> {
        let value = text(at).unwrap_or_default();
        value.parse().map_err(|_| EngineError::Foreign {
            address: address.to_owned(),
            what: format!("a row of {}", names.history_plain),
            why: format!("its {column} is `{value}`"),
        })
    };
    Ok(HistoryRow {
        installed_rank: number(0, "installed_rank")?,
        version: text(1),
        description: text(2).unwrap_or_default(),
        kind: text(3).unwrap_or_default(),
        script: text(4).unwrap_or_default(),
        checksum: text(5).map(|_| number(5, "checksum")).transpose()?,
        installed_by: text(6).unwrap_or_default(),
        installed_on: text(7).unwrap_or_default(),
        execution_time: number(8, "execution_time")?,
        success: number(9, "success")? != 0,
    })
}

/// The row of a job that succeeded, in place of one that says it failed. Writes nothing where the shard's lock is no longer
/// this connection's: the caller looks at the last number of rows.
pub fn insert_sql(session: &MysqlSession, job: &Job, millis: u64) -> String {
    let insert = row_sql(session, job, millis, true);
    match forget_failed_sql(&session.names, &job.migration) {
        Some(forget) => format!("{forget}; {insert}"),
        None => insert,
    }
}

/// Flyway's mark of a migration that failed, so that Flyway runs nothing over what stands of it; none in a table of ours.
pub fn failed_sql(session: &MysqlSession, job: &Job) -> Option<String> {
    let forget = forget_failed_sql(&session.names, &job.migration)?;
    Some(format!("{forget}; {}", row_sql(session, job, 0, false)))
}

/// Takes that mark away again.
pub fn forget_failed_sql(names: &Names, migration: &MigrationId) -> Option<String> {
    let about = match migration {
        MigrationId::Versioned(version) => format!(
            "version = {} AND type NOT LIKE 'UNDO%'",
            quote::text(version.as_str())
        ),
        MigrationId::Undo(version) => format!(
            "version = {} AND type LIKE 'UNDO%'",
            quote::text(version.as_str())
        ),
        MigrationId::Repeatable(description) => format!(
            "version IS NULL AND description = {}",
            quote::text(&flyway::description(description))
        ),
    };
    let history = &names.history;
    names
        .is_flyways()
        .then(|| format!("DELETE FROM {history} WHERE success = 0 AND {about}"))
}

fn row_sql(session: &MysqlSession, job: &Job, millis: u64, success: bool) -> String {
    let by = match &job.installed_by {
        Some(name) => quote::text(&quote::shorten(name, 100)),
        None => "SUBSTRING_INDEX(USER(), '@', 1)".into(),
    };
    let values = format!(
        "{version}, {description}, {kind}, {script}, {checksum}, {by}, {millis}, {success}",
        version = quote::nullable(flyway::version(&job.migration)),
        description = quote::text(&flyway::description(&job.description)),
        kind = quote::text(flyway::kind(&job.migration)),
        script = quote::text(&flyway::script(&job.script_name)),
        checksum = quote::number(job.checksum),
        millis = millis.min(i32::MAX as u64),
        success = u8::from(success),
    );
    insert(&session.names, &values, &lock::held_condition(session))
}

fn insert(names: &Names, values: &str, condition: &str) -> String {
    format!(
        "INSERT INTO {history} (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) \
         SELECT (SELECT COALESCE(MAX(h.installed_rank), 0) + 1 FROM {history} h), {values} FROM DUAL WHERE {condition}",
        history = names.history
    )
}

/// Whether the history says that a job is applied.
pub async fn holds(session: &mut MysqlSession, job: &Job) -> Result<bool, EngineError> {
    let answer = match session.link.run(all_sql(&session.names)).await {
        // Nothing has ever been applied here.
        Err(Trouble::Server(error)) if error.code == MISSING => return Ok(false),
        other => other.map_err(|t| session.link.refused(t, "reading the history"))?,
    };
    let rows = answer
        .rows
        .iter()
        .map(|row| read(session, row))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(flyway::holds(&rows, job))
}

/// Under the lock, in one transaction: mends the history table and Greylag's rows.
pub async fn change(
    session: &mut MysqlSession,
    changes: &[HistoryChange],
) -> Result<(), EngineError> {
    let doing = "mending the history";
    if !lock::is_ours(session).await? {
        return Err(EngineError::Server {
            address: session.target.address(),
            doing,
            class: greylag_core::outcome::FailureClass::Refused,
            code: None,
            message: "the shard's lock is not held by this session".into(),
            hint: None,
        });
    }
    let mut packet = vec!["START TRANSACTION".to_owned()];
    packet.extend(changes.iter().map(|change| change_sql(session, change)));
    packet.push("COMMIT".into());
    let mut answers = Vec::new();
    match session.link.run_all(packet.join("; "), &mut answers).await {
        Ok(()) => Ok(()),
        Err(trouble) => {
            if matches!(trouble, Trouble::Server(_)) {
                let undone = session.link.run("ROLLBACK").await;
                undone.map_err(|t| session.link.refused(t, doing))?;
            }
            Err(session.link.refused(trouble, doing))
        }
    }
}

fn change_sql(session: &MysqlSession, change: &HistoryChange) -> String {
    let names = &session.names;
    match change {
        HistoryChange::Insert(row) => {
            let by = match row.installed_by.is_empty() {
                true => "SUBSTRING_INDEX(USER(), '@', 1)".into(),
                false => quote::text(&quote::shorten(&row.installed_by, 100)),
            };
            let values = format!(
                "{}, {}, {}, {}, {}, {by}, {}, {}",
                quote::nullable(row.version.as_deref()),
                quote::text(&flyway::description(&row.description)),
                quote::text(&row.kind),
                quote::text(&flyway::script(&row.script)),
                quote::number(row.checksum),
                row.execution_time,
                u8::from(row.success),
            );
            insert(names, &values, "1 = 1")
        }
        HistoryChange::Realign {
            installed_rank,
            checksum,
            description,
            kind,
        } => format!(
            "UPDATE {} SET checksum = {}, description = {}, type = {} WHERE installed_rank = {installed_rank}",
            names.history,
            quote::number(*checksum),
            quote::text(&flyway::description(description)),
            quote::text(kind),
        ),
        HistoryChange::Remove { installed_rank } => {
            format!(
                "DELETE FROM {} WHERE installed_rank = {installed_rank}",
                names.history
            )
        }
        HistoryChange::ForgetStep { migration } => {
            let forget = steps::forget_sql(names, migration);
            match forget_failed_sql(names, migration) {
                Some(failed) => format!("{forget}; {failed}"),
                None => forget,
            }
        }
        HistoryChange::SettleStep {
            migration,
            statements_done,
            hashes,
        } => steps::settle_sql(names, migration, *statements_done, hashes),
        HistoryChange::Rebrand(identity) => format!(
            "UPDATE {} SET uuid = {}, name = {}, environment = {} WHERE project = {}",
            names.shard,
            quote::text(&identity.uuid.to_string()),
            quote::text(identity.name.as_str()),
            quote::text(&identity.environment),
            quote::text(&identity.project),
        ),
    }
}
