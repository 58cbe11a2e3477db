//! The tables on a shard: Flyway's history table, and Greylag's own beside it.

/// How the history table is called in SQL.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    /// As it stands in the schema.
    pub history_name: String,
    /// Quoted.
    pub history: String,
}

impl Tables {
    pub fn new(history: &str) -> Self {
        Self {
            history_name: history.to_owned(),
            history: quote(history),
        }
    }

    /// Flyway's table and index for SQLite.
    pub fn create_history(&self) -> String {
        format!(
            r#"CREATE TABLE {table} (
    "installed_rank" INT NOT NULL PRIMARY KEY,
    "version" VARCHAR(50),
    "description" VARCHAR(200) NOT NULL,
    "type" VARCHAR(20) NOT NULL,
    "script" VARCHAR(1000) NOT NULL,
    "checksum" INT,
    "installed_by" VARCHAR(100) NOT NULL,
    "installed_on" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),
    "execution_time" INT NOT NULL,
    "success" BOOLEAN NOT NULL
);
CREATE INDEX {index} ON {table} ("success");"#,
            table = self.history,
            index = quote(&format!("{}_s_idx", self.history_name)),
        )
    }

    /// Whether the history is Flyway's own table, shared with it.
    pub fn is_flyways(&self) -> bool {
        self.history_name == crate::flyway::TABLE
    }

    /// Whether a table of this name is Greylag's or the history.
    pub fn owns(&self, table: &str) -> bool {
        table.eq_ignore_ascii_case(&self.history_name)
            || OURS.iter().any(|ours| table.eq_ignore_ascii_case(ours))
    }
}

pub(super) const SHARD: &str = "greylag_shard";
pub(super) const STEP: &str = "greylag_step";
const OURS: [&str; 4] = [SHARD, STEP, "greylag_cursor", "greylag_hole"];

pub(super) const CREATE_SHARD: &str = "CREATE TABLE greylag_shard (
    project VARCHAR(100) NOT NULL PRIMARY KEY,
    uuid VARCHAR(36) NOT NULL,
    name VARCHAR(100) NOT NULL,
    environment VARCHAR(100) NOT NULL,
    claimed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),
    claimed_by VARCHAR(200) NOT NULL
);";

pub(super) const CREATE_STEP: &str = "CREATE TABLE greylag_step (
    project VARCHAR(100) NOT NULL,
    migration VARCHAR(220) NOT NULL,
    checksum INT,
    state VARCHAR(16) NOT NULL,
    rollout VARCHAR(64) NOT NULL,
    epoch BIGINT NOT NULL,
    statements_done INT NOT NULL,
    statements_total INT NOT NULL,
    hashes TEXT NOT NULL,
    intent TEXT,
    failure TEXT,
    started_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),
    updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),
    PRIMARY KEY (project, migration)
);";

pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
