//! Sentences that several rules share.

use crate::{
    judge::{File, Scene},
    operation::Name,
};

/// The lock of a measured effect: "It takes SHARE on orders, which keeps out writes."
pub(super) fn lock(scene: &Scene<'_>) -> Option<String> {
    let mut told: Vec<String> = scene
        .taken()
        .iter()
        .filter_map(crate::effects::Taken::sentence)
        .collect();
    told.dedup();
    if told.is_empty() {
        return None;
    }
    Some(format!("It takes {}.", told.join(", and ")))
}

/// What replaying an exclusive lock does, where there are replicas.
pub(super) fn replayed_lock(file: &File<'_>, table: &Name) -> Option<String> {
    file.has_replicas().then(|| {
        format!(
            "Replicas replay the lock: queries on {table} there are cancelled after max_standby_streaming_delay, and until \
             then nothing at all is replayed."
        )
    })
}

/// "The largest shard has 120000 rows of orders."
pub(super) fn rows(file: &File<'_>, table: &Name) -> Option<String> {
    let (rows, _) = file.rows(table)?;
    let shard = file
        .facts(table)
        .filter(|facts| !facts.largest_shard.is_empty())
        .map(|facts| format!(" ({})", facts.largest_shard));
    let shard = shard.unwrap_or_default();
    Some(format!(
        "The largest shard{shard} has {rows} rows of {table}."
    ))
}

/// A name that goes after the table's.
pub(super) fn named(parts: &[&str]) -> String {
    let mut name = parts.join("_");
    while name.len() > 63 {
        name.pop();
    }
    name
}
