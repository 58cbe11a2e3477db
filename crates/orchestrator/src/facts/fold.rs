//! From what each node said to what the lint is told of the fleet: the largest shard decides, the oldest and newest version,
//! the fullest server.

use greylag_core::{engine::Engine, fleet::ShardName, node::Unobservable};
use greylag_engines::Appraisal;
use greylag_lint::{
    FleetFacts, NumberingFacts, PublicationFacts, ServerVersion, SlotFacts, StandbyFacts,
    TableFacts, Versions,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One node as it was seen.
#[derive(Clone, Debug)]
pub struct Appraised {
    pub shard: ShardName,
    /// None: the primary.
    pub node: Option<String>,
    pub engine: Engine,
    pub appraisal: Appraisal,
}

/// A node that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unlooked {
    pub shard: ShardName,
    /// None: the primary, so that nothing is known of the shard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub why: String,
}

/// What one look at the fleet came to.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// Of each engine its own: a standby of one says nothing of the other.
    pub facts: BTreeMap<Engine, FleetFacts>,
    pub unlooked: Vec<Unlooked>,
    /// Shards whose primary was looked at.
    pub shards: usize,
    /// What accounts are not told, once for each.
    pub unseen: Vec<Unobservable>,
}

impl Gathered {
    /// Adds shards that could not be reached before anybody asked them.
    pub fn miss(&mut self, unlooked: Vec<Unlooked>) {
        for facts in self.facts.values_mut() {
            let dark = unlooked.iter().filter(|one| one.node.is_none());
            facts.unseen.extend(dark.map(|one| one.shard.to_string()));
        }
        self.unlooked.extend(unlooked);
    }

    /// Shards of which nothing is known.
    pub fn dark(&self) -> impl Iterator<Item = &Unlooked> {
        self.unlooked.iter().filter(|one| one.node.is_none())
    }
}

/// Puts together what was seen.
pub fn fold(appraised: &[Appraised], unlooked: Vec<Unlooked>) -> Gathered {
    let mut unseen: Vec<Unobservable> = Vec::new();
    for lacks in appraised.iter().flat_map(|one| &one.appraisal.unseen) {
        if !unseen.contains(lacks) {
            unseen.push(lacks.clone());
        }
    }
    let engines: BTreeSet<Engine> = appraised.iter().map(|one| one.engine).collect();
    let facts = engines.into_iter().map(|engine| {
        let own: Vec<&Appraised> = appraised
            .iter()
            .filter(|one| one.engine == engine)
            .collect();
        let mut facts = of_engine(&own);
        facts.unseen = unlooked
            .iter()
            .filter(|one| one.node.is_none())
            .map(|one| one.shard.to_string())
            .collect();
        (engine, facts)
    });
    Gathered {
        facts: facts.collect(),
        shards: appraised.iter().filter(|one| one.node.is_none()).count(),
        unlooked,
        unseen,
    }
}

fn of_engine(nodes: &[&Appraised]) -> FleetFacts {
    let primaries: Vec<&Appraised> = nodes
        .iter()
        .copied()
        .filter(|one| one.node.is_none())
        .collect();
    let mut servers: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &primaries {
        *servers.entry(&one.appraisal.server).or_default() += 1;
    }
    FleetFacts {
        shards: primaries.len(),
        tables: tables(&primaries),
        versions: versions(nodes),
        standbys: nodes
            .iter()
            .filter_map(|one| standby(one, &primaries))
            .collect(),
        publications: publications(&primaries),
        slots: primaries.iter().flat_map(|one| slots(one)).collect(),
        shards_per_server: servers.into_values().max().unwrap_or(0),
        waits_for_replay: primaries.iter().any(|one| one.appraisal.waits_for_replay),
        differing_settings: differing(&primaries),
        unseen: Vec::new(),
    }
}

fn tables(primaries: &[&Appraised]) -> BTreeMap<String, TableFacts> {
    let mut found: BTreeMap<String, TableFacts> = BTreeMap::new();
    let mut on_server: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for one in primaries {
        for table in &one.appraisal.tables {
            let full = table
                .schema
                .as_ref()
                .map(|schema| format!("{schema}.{}", table.name));
            let plain = table.visible.then(|| table.name.clone());
            let (own, indexes) = (
                table.table_bytes.unwrap_or(0),
                table.index_bytes.unwrap_or(0),
            );
            for name in full.into_iter().chain(plain) {
                *on_server
                    .entry((name.clone(), &one.appraisal.server))
                    .or_default() += own + indexes;
                let facts = found.entry(name).or_default();
                let keyed = facts.has_primary_key.unwrap_or(true) && table.has_primary_key;
                facts.has_primary_key = Some(keyed);
                let versions = table
                    .row_versions
                    .and_then(|count| u32::try_from(count).ok());
                facts.row_versions = facts.row_versions.max(versions);
                for numbered in &table.numbered {
                    let own = NumberingFacts {
                        column: numbered.column.clone(),
                        data_type: numbered.data_type.clone(),
                        used: numbered.used,
                        room: numbered.room,
                        shard: one.shard.to_string(),
                    };
                    let known = facts.numbering.as_ref();
                    if known.is_none_or(|known| own.is_fuller(known)) {
                        facts.numbering = Some(own);
                    }
                }
                let first = facts.largest_shard.is_empty();
                if first || table.rows > facts.rows {
                    facts.rows = table.rows;
                    facts.largest_shard = one.shard.to_string();
                    (facts.table_bytes, facts.index_bytes) = (own, indexes);
                }
            }
        }
    }
    for ((name, _), bytes) in on_server {
        if let Some(facts) = found.get_mut(&name) {
            facts.bytes_per_server = facts.bytes_per_server.max(bytes);
        }
    }
    found
}

fn versions(nodes: &[&Appraised]) -> BTreeMap<Engine, Versions> {
    let mut found: BTreeMap<Engine, Versions> = BTreeMap::new();
    for one in nodes {
        let Ok(version) = one.appraisal.version.parse::<ServerVersion>() else {
            continue;
        };
        let known = found.entry(one.engine).or_insert(Versions {
            oldest: version,
            newest: version,
        });
        known.oldest = known.oldest.min(version);
        known.newest = known.newest.max(version);
    }
    found
}

fn standby(one: &Appraised, primaries: &[&Appraised]) -> Option<StandbyFacts> {
    let seen = one.appraisal.standby.as_ref()?;
    let primary = primaries.iter().find(|primary| primary.shard == one.shard);
    let sorted = primary.and_then(|primary| primary.appraisal.collation_version.as_ref());
    let own = one.appraisal.collation_version.as_ref();
    let other_collation = match (sorted, own) {
        (Some(primary), Some(own)) if primary != own => Some(own.clone()),
        _ => None,
    };
    Some(StandbyFacts {
        shard: one.shard.to_string(),
        node: one.node.clone().unwrap_or_else(|| "primary".into()),
        conflict_delay_ms: seen.conflict_delay_ms,
        feedback: seen.feedback,
        oldest_reader_ms: seen.oldest_reader_ms,
        other_collation,
    })
}

/// Publications of one name are one: shards are meant to be alike.
fn publications(primaries: &[&Appraised]) -> Vec<PublicationFacts> {
    let mut found: BTreeMap<&str, PublicationFacts> = BTreeMap::new();
    for seen in primaries.iter().flat_map(|one| &one.appraisal.publications) {
        let known = found.entry(&seen.name).or_insert_with(|| PublicationFacts {
            name: seen.name.clone(),
            ..PublicationFacts::default()
        });
        known.all_tables |= seen.all_tables;
        for table in &seen.tables {
            if !known.tables.contains(table) {
                known.tables.push(table.clone());
            }
        }
        for schema in &seen.schemas {
            if !known.schemas.contains(schema) {
                known.schemas.push(schema.clone());
            }
        }
    }
    found.into_values().collect()
}

fn slots(one: &Appraised) -> Vec<SlotFacts> {
    let slots = one.appraisal.slots.iter();
    slots
        .map(|slot| SlotFacts {
            shard: one.shard.to_string(),
            name: slot.name.clone(),
            logical: slot.logical,
            headroom_bytes: slot.headroom_bytes,
        })
        .collect()
}

/// Settings that are not the same on all shards, each with its values.
fn differing(primaries: &[&Appraised]) -> BTreeMap<String, Vec<String>> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in primaries.iter().flat_map(|one| &one.appraisal.settings) {
        values.entry(name).or_default().insert(value);
    }
    values
        .into_iter()
        .filter(|(_, values)| values.len() > 1)
        .map(|(name, values)| {
            let values = values.into_iter().map(str::to_owned).collect();
            (name.to_owned(), values)
        })
        .collect()
}
