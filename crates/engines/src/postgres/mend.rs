//! Mending the history: `baseline`, `repair`, `undo`, `settle`, `rebrand`.

use greylag_core::{history::HistoryRow, migration::MigrationId, survey::ShardIdentity};

use super::{
    message::{Message, What},
    quote::{literal, nullable},
    session::PgSession,
};
use crate::{error::EngineError, flyway, session::HistoryChange, step};

const DOING: &str = "mending the history";

impl PgSession {
    /// All of the changes, or none.
    pub(super) async fn mend(&mut self, changes: &[HistoryChange]) -> Result<(), EngineError> {
        if self.tables.is_none() {
            self.look().await?;
        }
        let steps = self.seen().step;
        self.refresh().await?;
        let mut message = Message::default();
        message.push(What::Head, "BEGIN");
        let concerns = |change: &&HistoryChange| match change {
            HistoryChange::ForgetStep { .. } | HistoryChange::SettleStep { .. } => steps,
            _ => true,
        };
        for change in changes.iter().filter(concerns) {
            message.push(What::Tail { job: 0 }, &self.change(change));
        }
        message.push(What::Commit, "COMMIT");
        let answer = self.link.run(message.text(), usize::MAX).await;
        self.steps = None;
        self.next_rank = None;
        self.link.hush();
        match answer.trouble {
            None => Ok(()),
            Some(trouble) => {
                let broken = self.broken(DOING, Some(trouble));
                self.link.run("ROLLBACK", usize::MAX).await;
                self.link.hush();
                Err(broken)
            }
        }
    }

    fn change(&self, change: &HistoryChange) -> String {
        let history = self.table(&self.target.history_table);
        match change {
            HistoryChange::Insert(row) => self.insert(&history, row),
            HistoryChange::Realign {
                installed_rank,
                checksum,
                description,
                kind,
            } => format!(
                "UPDATE {history} SET checksum = {}, description = {}, type = {} WHERE installed_rank = {installed_rank}",
                checksum.map_or("NULL".into(), |sum| sum.to_string()),
                literal(&flyway::description(description)),
                literal(kind),
            ),
            HistoryChange::Remove { installed_rank } => format!(
                "DELETE FROM {history} WHERE installed_rank = {installed_rank} AND NOT success"
            ),
            HistoryChange::ForgetStep { migration } => {
                let forget = self.forget_step(migration);
                match self.forget_failed(migration) {
                    Some(failed) => format!("{forget}; {failed}"),
                    None => forget,
                }
            }
            HistoryChange::SettleStep {
                migration,
                statements_done,
                hashes,
            } => self.settle_step(migration, *statements_done, hashes),
            HistoryChange::Rebrand(identity) => self.rebrand(identity),
        }
    }

    fn insert(&self, history: &str, row: &HistoryRow) -> String {
        let on = match row.installed_on.as_str() {
            "" => "DEFAULT".to_owned(),
            on => literal(on),
        };
        format!(
            "INSERT INTO {history} (installed_rank, version, description, type, script, checksum, \
             installed_by, installed_on, execution_time, success) VALUES (\
             (SELECT coalesce(max(installed_rank), 0) + 1 FROM {history}), {}, {}, {}, {}, {}, {}, {on}, {}, {})",
            nullable(row.version.as_deref()),
            literal(&flyway::description(&row.description)),
            literal(&row.kind),
            literal(&flyway::script(&row.script)),
            row.checksum.map_or("NULL".into(), |sum| sum.to_string()),
            match row.installed_by.as_str() {
                "" => "current_user".to_owned(),
                by => literal(by),
            },
            row.execution_time,
            row.success,
        )
    }

    fn settle_step(&self, migration: &MigrationId, done: u32, hashes: &[String]) -> String {
        format!(
            "UPDATE {} SET state = 'running', statements_done = {done}, hashes = {}, intent = NULL, \
             failure = NULL, updated_at = now() WHERE project = {} AND migration = {}",
            self.table("greylag_step"),
            literal(&step::hashes(hashes)),
            literal(&self.target.project),
            literal(&migration.to_string()),
        )
    }

    fn rebrand(&self, identity: &ShardIdentity) -> String {
        format!(
            "UPDATE {} SET uuid = {}, name = {}, environment = {}, claimed_at = now() WHERE project = {}",
            self.table("greylag_shard"),
            literal(&identity.uuid.to_string()),
            literal(identity.name.as_str()),
            literal(&identity.environment),
            literal(&identity.project),
        )
    }
}
