//! The tables of effects, read once.

use crate::version::ServerVersion;
use greylag_core::engine::Dialect;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock};

/// What one operation does to a server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Effect {
    pub id: String,
    /// The lock it takes on each relation, by the part the relation plays.
    pub locks: BTreeMap<Role, String>,
    #[serde(default)]
    pub rewrite: Rewrite,
    /// It reads the whole table.
    #[serde(default)]
    pub scan: bool,
    #[serde(default)]
    pub wal: Wal,
    pub standby: StandbyEffect,
    /// It can't run in a transaction.
    #[serde(default)]
    pub outside_transaction: bool,
    #[serde(default)]
    pub since: Option<ServerVersion>,
    /// The statements that have this effect, by what they do to applications.
    pub does: Vec<Form>,
}

/// Statements that do the same to applications.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Form {
    pub title: String,
    /// Where in a change they belong.
    pub phase: Fits,
    /// What is run to measure them.
    pub sql: Vec<String>,
}

/// The part a relation plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The table that is named.
    Target,
    /// The other side of a foreign key.
    Referenced,
    /// The partitioned table.
    Parent,
    Partition,
    Index,
}

/// Which files are written anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rewrite {
    #[default]
    None,
    Indexes,
    /// The table and all its indexes.
    Table,
}

/// How much goes into the write-ahead log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wal {
    /// A few kilobytes.
    #[default]
    Small,
    /// As much as one index.
    Index,
    /// As much as all indexes.
    Indexes,
    /// As much as the table and all its indexes.
    Table,
    /// Two to four times the rows written.
    Rows,
}

/// Where in a change an operation belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fits {
    /// Anywhere, in a backfill too.
    Any,
    /// It takes nothing from an application that runs: in an expand, and behind it.
    Expand,
    /// It takes away what an application may count on, or refuses what it may write: once none does so any more.
    Contract,
}

/// What becomes of readers on a standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StandbyEffect {
    None,
    /// The lock on the table is replayed: queries on it are cancelled, or hold up the replay of everything.
    Table,
    /// The lock on an index is replayed, which every query on the table needs.
    Index,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    operation: Vec<Effect>,
}

static POSTGRES: LazyLock<Vec<Effect>> =
    LazyLock::new(|| read(include_str!("../../effects/postgres.toml")));

/// All effects of a dialect. MySQL's are [`super::clauses`]; SQLite has one lock, for everything.
pub fn all(dialect: Dialect) -> &'static [Effect] {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Mysql | Dialect::Sqlite => &[],
    }
}

/// The effect of this name.
///
/// # Panics
/// If the table has none: a mistake of ours, which a test finds.
pub fn find(dialect: Dialect, id: &str) -> &'static Effect {
    let found = all(dialect).iter().find(|effect| effect.id == id);
    found.unwrap_or_else(|| panic!("no effect `{id}`"))
}

fn read(text: &str) -> Vec<Effect> {
    let tables: Tables = toml::from_str(text).expect("effects are well-formed");
    tables.operation
}

impl Effect {
    /// Whether a server of this version can do it. What can is done the same way by all versions that were measured.
    pub fn is_known_to(&self, version: ServerVersion) -> bool {
        self.since.is_none_or(|since| version >= since)
    }

    /// All statements that are run to measure it.
    pub fn statements(&self) -> impl Iterator<Item = &String> {
        self.does.iter().flat_map(|form| &form.sql)
    }

    pub fn lock(&self, role: Role) -> Option<&str> {
        self.locks.get(&role).map(String::as_str)
    }

    /// Whether readers have to wait on some table.
    pub fn blocks_reads(&self) -> bool {
        let tables = self.locks.iter().filter(|(role, _)| **role != Role::Index);
        tables
            .into_iter()
            .any(|(_, lock)| lock == "ACCESS EXCLUSIVE")
    }

    /// Whether writers have to wait on some table.
    pub fn blocks_writes(&self) -> bool {
        self.locks.values().any(|lock| {
            matches!(
                lock.as_str(),
                "ACCESS EXCLUSIVE" | "EXCLUSIVE" | "SHARE" | "SHARE ROW EXCLUSIVE"
            )
        })
    }
}

/// What a lock keeps out, as the rest of a sentence.
pub(crate) fn keeps_out(lock: &str) -> &'static str {
    match lock {
        "ACCESS EXCLUSIVE" => "keeps out reads and writes",
        "EXCLUSIVE" => "keeps out writes, and reads that lock rows",
        "SHARE ROW EXCLUSIVE" | "SHARE" => "keeps out writes",
        "SHARE UPDATE EXCLUSIVE" => "keeps out other changes of the schema, and vacuum",
        _ => "keeps out other changes of the schema",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_everything_is_measured() {
        let mut seen = std::collections::BTreeSet::new();
        for effect in all(Dialect::Postgres) {
            assert!(seen.insert(&effect.id), "{} twice", effect.id);
            assert!(!effect.does.is_empty(), "{}", effect.id);
            let measured = effect.does.iter().all(|form| !form.sql.is_empty());
            assert!(measured, "{}", effect.id);
        }
    }
}
