//! Sentences that several rules share.

use crate::{
    effects::{StandbyEffect, Taken},
    judge::{Draft, File, Scene},
    operation::{Bytes, Name},
};

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

/// A finding about a table: its locks, what replicas make of them, and as grave as its size makes it.
pub(super) fn about(
    scene: &Scene<'_>,
    table: &Name,
    span: &Bytes,
    title: impl Into<String>,
) -> Draft {
    let taken = scene.taken();
    let here = |taken: &&Taken| {
        taken.span.start < span.end && span.start < taken.span.end || taken.span == *span
    };
    let own: Vec<&Taken> = taken.iter().filter(here).collect();
    let mut draft = Draft::new(span.clone(), title).sized(&scene.size(table));
    let mut locks: Vec<String> = own.iter().filter_map(|taken| taken.sentence()).collect();
    locks.dedup();
    if !locks.is_empty() {
        draft = draft.lock(format!("It takes {}.", locks.join(", and ")));
    }
    let replayed =
        |taken: &Taken| taken.effect.standby == StandbyEffect::Table && taken.is_exclusive();
    if own.iter().any(|taken| replayed(taken))
        && let Some(text) = replayed_lock(scene, table)
    {
        draft = draft.replicas(text);
    }
    draft
}

/// Why, with the rows where they are known.
pub(super) fn why(scene: &Scene<'_>, table: &Name, text: &str) -> String {
    match rows(scene, table) {
        None => text.to_owned(),
        Some(rows) => format!("{text} {rows}"),
    }
}
