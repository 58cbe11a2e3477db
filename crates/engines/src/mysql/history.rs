//! Rows of the history table, in Flyway's format.

use super::{
    link::{Row, Trouble},
    lock,
    names::Names,
    quote,
    session::MysqlSession,
    steps,
};
use crate::{error::EngineError, job::Job, session::HistoryChange};
use greylag_core::{history::HistoryRow, migration::MigrationId};

/// All rows, in order of their rank.
pub fn all_sql(names: &Names) -> String {
    format!(
        "SELECT installed_rank, version, description, type, script, checksum, installed_by, installed_on, execution_time, success \
         FROM {} ORDER BY installed_rank",
        names.history
    )
}

pub fn read(session: &MysqlSession, row: &Row) -> Result<HistoryRow, EngineError> {
    let text = |at: usize| row.get(at).cloned().flatten();
    let number = |at: usize, column: &str| -> Result<i32, EngineError> {
        let value = text(at).unwrap_or_default();
        value.parse().map_err(|_| EngineError::Foreign {
            address: session.target.address(),
            what: format!("a row of {}", session.names.history_plain),
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

/// The row of a job that succeeded. Writes nothing where the shard's lock is no longer this connection's: the caller
/// looks at the number of rows.
pub fn insert_sql(session: &MysqlSession, job: &Job, millis: u64) -> String {
    let by = match &job.installed_by {
        Some(name) => quote::text(&quote::shorten(name, 100)),
        None => "SUBSTRING_INDEX(USER(), '@', 1)".into(),
    };
    let values = format!(
        "{version}, {description}, {kind}, {script}, {checksum}, {by}, {millis}, 1",
        version = quote::nullable(job.migration.version().map(ToString::to_string).as_deref()),
        description = quote::text(&quote::shorten(&job.description, 200)),
        kind = quote::text(kind(&job.migration)),
        script = quote::text(&quote::shorten_head(&job.script_name, 1000)),
        checksum = quote::number(job.checksum),
        millis = millis.min(i32::MAX as u64),
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

/// Flyway's word for what a migration is.
fn kind(migration: &MigrationId) -> &'static str {
    match migration {
        MigrationId::Undo(_) => "UNDO_SQL",
        MigrationId::Versioned(_) | MigrationId::Repeatable(_) => "SQL",
    }
}

/// SQL that is 1 where the last word of the history on a job is that it succeeded.
pub fn applied_sql(names: &Names, job: &Job) -> String {
    let last = match &job.migration {
        MigrationId::Versioned(version) | MigrationId::Undo(version) => format!(
            "SELECT h.type IN ({}) AND h.success FROM {} h WHERE h.version = {} AND h.success ORDER BY h.installed_rank DESC LIMIT 1",
            match &job.migration {
                MigrationId::Undo(_) => "'UNDO_SQL', 'UNDO_SCRIPT'",
                _ => "'SQL', 'JDBC', 'SCRIPT', 'CUSTOM'",
            },
            names.history,
            quote::text(&version.to_string()),
        ),
        MigrationId::Repeatable(_) => format!(
            "SELECT h.checksum <=> {} FROM {} h WHERE h.version IS NULL AND h.description = {} AND h.success \
             ORDER BY h.installed_rank DESC LIMIT 1",
            quote::number(job.checksum),
            names.history,
            quote::text(&quote::shorten(&job.description, 200)),
        ),
    };
    format!("SELECT COALESCE(({last}), 0)")
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
                quote::text(&quote::shorten(&row.description, 200)),
                quote::text(&row.kind),
                quote::text(&quote::shorten_head(&row.script, 1000)),
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
            quote::text(&quote::shorten(description, 200)),
            quote::text(kind),
        ),
        HistoryChange::Remove { installed_rank } => {
            format!(
                "DELETE FROM {} WHERE installed_rank = {installed_rank}",
                names.history
            )
        }
        HistoryChange::ForgetStep { migration } => steps::forget_sql(names, migration),
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
