//! Sentences that several rules share.

use crate::{
    effects::{StandbyEffect, Taken},
    finding::Decided,
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
    let (rows, decided) = file.rows(table)?;
    let seen = file.seen(table).filter(|_| decided == Decided::Fleet);
    let shard = seen
        .filter(|(_, facts)| !facts.largest_shard.is_empty())
        .map(|(_, facts)| format!(" ({})", facts.largest_shard));
    let shard = shard.unwrap_or_default();
    let name = seen.map_or_else(|| table.to_string(), |(name, _)| name.to_owned());
    Some(format!(
        "The largest shard{shard} has {rows} rows of {name}."
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

/// Words that PostgreSQL takes for no name unless they are quoted.
const RESERVED: &str = " all analyse analyze and any array as asc asymmetric authorization between binary both case cast check collate \
    collation column concurrently constraint create cross current_catalog current_date current_role current_schema current_time \
    current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign freeze from full \
    grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit localtime \
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references returning right \
    select session_user similar some symmetric table tablesample then to trailing true union unique user using variadic verbose \
    when where window with ";

/// A name of PostgreSQL as it must be written.
pub(super) fn ident(name: &str) -> String {
    let mut letters = name.chars();
    let begins = letters
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let plain = letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if begins && plain && !RESERVED.contains(&format!(" {name} ")) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}
