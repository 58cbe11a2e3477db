//! What the fleet looks like, as somebody saw it. Everything may be missing.

use crate::settings::Versions;
use greylag_core::engine::Engine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the fleet looks like, over all its shards.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FleetFacts {
    /// How many shards were looked at.
    pub shards: usize,
    /// By name, with or without schema, as in `[lint.tables]`.
    pub tables: BTreeMap<String, TableFacts>,
    /// The oldest and newest server of each engine, primaries and replicas.
    pub versions: BTreeMap<Engine, Versions>,
    pub standbys: Vec<StandbyFacts>,
    pub publications: Vec<PublicationFacts>,
    pub slots: Vec<SlotFacts>,
    /// The most shards that share one server.
    pub shards_per_server: usize,
    /// Some primary waits until a standby has replayed each commit (`synchronous_commit = remote_apply`).
    pub waits_for_replay: bool,
    /// Servers whose session settings differ, by setting: `TimeZone`, `sql_mode`, …
    pub differing_settings: BTreeMap<String, Vec<String>>,
    /// Shards that could not be looked at: no table is known to be small on them.
    pub unseen: Vec<String>,
}

/// A table over all shards: the largest decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableFacts {
    /// Rows on the shard that has most of them.
    pub rows: u64,
    /// That shard's name.
    pub largest_shard: String,
    /// Bytes of the table there.
    pub table_bytes: u64,
    /// Bytes of its indexes there.
    pub index_bytes: u64,
    /// Bytes on all shards of the fullest server.
    pub bytes_per_server: u64,
    /// None: nobody looked.
    pub has_primary_key: Option<bool>,
    /// MySQL: instant changes on the shard that has had most of them (`TOTAL_ROW_VERSIONS`).
    pub row_versions: Option<u32>,
    /// Of its numbered column, on the shard where least is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbering: Option<NumberingFacts>,
}

/// How far a numbered column has come on the shard where least of its numbers is left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NumberingFacts {
    pub column: String,
    /// As the server spells it.
    pub data_type: String,
    /// Numbers that were given.
    pub used: u64,
    /// How many there are, to the end of the type or of the sequence, whichever comes first.
    pub room: u64,
    pub shard: String,
}

/// One standby.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StandbyFacts {
    pub shard: String,
    pub node: String,
    /// `max_standby_streaming_delay`, in milliseconds; -1 waits for readers for ever.
    pub conflict_delay_ms: i64,
    pub feedback: bool,
    /// How long its oldest query or transaction has been reading, in milliseconds.
    pub oldest_reader_ms: Option<u64>,
    /// The version of the library that sorts text there, where its primary has another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_collation: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublicationFacts {
    pub name: String,
    pub all_tables: bool,
    pub tables: Vec<String>,
    /// Those that it carries whole, with what comes to be in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schemas: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlotFacts {
    pub shard: String,
    pub name: String,
    pub logical: bool,
    /// WAL bytes it may still fall behind before it is lost (`max_slot_wal_keep_size`); none: without limit.
    pub headroom_bytes: Option<u64>,
}

impl FleetFacts {
    /// What was seen of a table, and under which name. A name without its schema means the largest of that name, where several
    /// schemas have one: which of them a session sees isn't written in the file.
    pub fn table(&self, schema: Option<&str>, name: &str) -> Option<(&str, &TableFacts)> {
        let apart = |key: &str| key.rsplit_once('.').is_some_and(|(_, last)| last == name);
        let mut others = self.tables.iter().filter(|(key, _)| apart(key));
        let plain = self.tables.get_key_value(name);
        let found = match schema {
            Some(schema) => {
                let full = self.tables.get_key_value(&format!("{schema}.{name}"));
                // The one that is known without its schema is another schema's where schemas are known.
                full.or_else(|| plain.filter(|_| others.next().is_none()))
            }
            None => others
                .chain(plain)
                .max_by_key(|(key, facts)| (facts.rows, key.len() == name.len())),
        };
        found.map(|(key, facts)| (key.as_str(), facts))
    }
}

impl NumberingFacts {
    /// How many of a hundred are used up.
    pub fn percent(&self) -> u64 {
        let percent = u128::from(self.used) * 100 / u128::from(self.room.max(1));
        u64::try_from(percent).unwrap_or(u64::MAX)
    }

    /// A larger share is used up than of the other.
    pub fn is_fuller(&self, other: &NumberingFacts) -> bool {
        let (own, others) = (u128::from(self.used), u128::from(other.used));
        own * u128::from(other.room) > others * u128::from(self.room)
    }
}

impl PublicationFacts {
    /// Whether it names a table, or all of its schema.
    pub fn names(&self, schema: Option<&str>, name: &str) -> bool {
        let whole = self.schemas.iter();
        let named = |table: &String| match table.rsplit_once('.') {
            Some((own, last)) => last == name && schema.is_none_or(|schema| schema == own),
            None => table == name,
        };
        whole
            .into_iter()
            .any(|own| own == schema.unwrap_or("public"))
            || self.tables.iter().any(named)
    }
}
