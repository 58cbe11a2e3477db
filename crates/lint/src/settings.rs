//! What the project says of itself: `[lint]` of the project file.

use crate::{finding::Severity, version::ServerVersion};
use greylag_core::engine::Engine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `[lint]` of the project file. Everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settings {
    /// The columns that decide which shard a row is on, for sharded tables that name none of their own.
    pub shard_key: Vec<String>,
    /// The class of tables that aren't listed. None: nothing is said about their sharding.
    pub default_class: Option<TableClass>,
    /// By name, with or without schema.
    pub tables: BTreeMap<String, TableSettings>,
    /// The oldest and newest server of each engine.
    pub versions: BTreeMap<Engine, Versions>,
    /// By rule: off, or how grave.
    pub severity: BTreeMap<String, Level>,
    pub thresholds: Thresholds,
    /// Whether servers have replicas. Left out: it is taken that they have.
    pub replicas: Option<bool>,
    /// Whether a shard is done only once replicas have replayed it: `[replicas] wait`. Left out: nothing is said.
    pub waits_for_replicas: Option<bool>,
    /// Whether changes are also carried by logical replication (publications, CDC).
    pub logical_replication: Option<bool>,
    /// `plan` and `apply` look at the fleet's sizes, versions and standbys, too. `lint --fleet` does so unasked.
    pub fleet: bool,
    /// How many shards are declared: whoever reads the project file knows.
    #[serde(skip)]
    pub declared_shards: usize,
    /// Whether several shards share one server: then what is said to the server is said to all of them.
    pub shared_servers: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TableSettings {
    pub class: Option<TableClass>,
    pub shard_key: Vec<String>,
    /// How many rows the largest shard has, for those who lint without a fleet at hand.
    pub rows: Option<u64>,
}

/// How a table's rows lie on the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableClass {
    /// Each row on one shard, by its shard key.
    Sharded,
    /// The same rows on every shard.
    Reference,
    /// On one shard only.
    Global,
}

/// How grave a rule's findings are, or that it is not to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Off,
    Note,
    Warning,
    Error,
}

/// The oldest and the newest server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Versions {
    pub oldest: ServerVersion,
    pub newest: ServerVersion,
}

/// From what size on something is too much.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Thresholds {
    /// A table with at most this many rows on its largest shard is small: blocking it is a note.
    pub small_rows: u64,
    /// Above this many, a scan under a strong lock or an unbatched write is an error.
    pub large_rows: u64,
    /// Bytes of WAL (or binary log) that one migration may write on one shard.
    pub wal_bytes: u64,
    /// From what share on the numbers of a numbered column are told to run out, in percent.
    pub used_percent: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            small_rows: 1_000,
            large_rows: 100_000,
            wal_bytes: 1 << 30,
            used_percent: 75,
        }
    }
}

impl Settings {
    /// What is said of a table; a name with a schema matches an entry with or without it. A name without one means the entry
    /// without, else the one of that name in a schema; of several the one with most rows, since which of them a session sees
    /// isn't written in the file.
    pub fn table(&self, schema: Option<&str>, name: &str) -> Option<&TableSettings> {
        let plain = self.tables.get(name);
        let Some(schema) = schema else {
            let apart = |key: &str| key.rsplit_once('.').is_some_and(|(_, last)| last == name);
            let others = self.tables.iter().filter(|(key, _)| apart(key));
            return plain.or_else(|| {
                let largest = others.max_by_key(|(_, table)| table.rows);
                largest.map(|(_, table)| table)
            });
        };
        let full = self.tables.get(&format!("{schema}.{name}"));
        full.or(plain)
    }

    /// The class of a table.
    pub fn class(&self, schema: Option<&str>, name: &str) -> Option<TableClass> {
        let said = self.table(schema, name).and_then(|table| table.class);
        said.or(self.default_class)
    }

    /// The columns that decide on which shard a row of a sharded table is; none for others.
    pub fn shard_key(&self, schema: Option<&str>, name: &str) -> Option<&[String]> {
        if self.class(schema, name) != Some(TableClass::Sharded) {
            return None;
        }
        let own = self.table(schema, name).map(|table| &table.shard_key[..]);
        Some(match own {
            Some(key) if !key.is_empty() => key,
            _ => &self.shard_key,
        })
        .filter(|key| !key.is_empty())
    }

    /// Whether any table is said to have a class.
    pub fn knows_classes(&self) -> bool {
        let mut tables = self.tables.values();
        self.default_class.is_some() || tables.any(|table| table.class.is_some())
    }

    /// Whether anything is said of shards.
    pub fn knows_shards(&self) -> bool {
        let classes = self.tables.values().filter_map(|table| table.class);
        self.default_class
            .into_iter()
            .chain(classes)
            .any(|class| class != TableClass::Global)
    }
}

impl Level {
    /// None: it is not to speak.
    pub fn severity(self) -> Option<Severity> {
        match self {
            Level::Off => None,
            Level::Note => Some(Severity::Note),
            Level::Warning => Some(Severity::Warning),
            Level::Error => Some(Severity::Error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_the_project_file_has_them() {
        let settings: Settings = toml::from_str(
            r#"
            shard-key = ["tenant_id"]
            default-class = "sharded"
            severity = { "add-index-blocking" = "off" }
            thresholds = { small-rows = 10 }
            [tables]
            countries = { class = "reference" }
            "sales.orders" = { shard-key = ["customer_id"] }
            [versions]
            postgres = { oldest = "14", newest = "17.2" }
            "#,
        )
        .unwrap();
        assert_eq!(settings.shard_key(None, "countries"), None);
        let key = |schema, name| settings.shard_key(schema, name).unwrap()[0].as_str();
        assert_eq!(key(Some("sales"), "orders"), "customer_id");
        assert_eq!(key(None, "orders"), "customer_id");
        assert_eq!(key(Some("stock"), "orders"), "tenant_id");
        assert_eq!(key(None, "users"), "tenant_id");
        assert_eq!(settings.thresholds.large_rows, 100_000);
        assert!(settings.knows_shards());
        assert!(toml::from_str::<Settings>("shard-keys = []").is_err());
    }
}
