//! How many rows a write reaches, where its text proves that.
//!
//! Knows keys, no figures: a condition that few rows happen to meet proves nothing.

use crate::{
    catalog::Table,
    finding::Severity,
    judge::Scene,
    operation::{Name, Pinned, Source, Verb, Write},
};
use greylag_core::engine::Dialect;

/// The writes of a statement: those within it too. A join's table has not been written if it is known to have none of the columns.
pub(super) fn writes<'a>(
    scene: &Scene<'a>,
    whole: &'a Write,
) -> impl Iterator<Item = &'a Write> + use<'a> {
    let scene = *scene;
    let joined = scene.dialect() == Dialect::Mysql && !whole.within.is_empty();
    whole.all().filter(move |write| {
        let known = write.table.as_ref().and_then(|table| scene.known(table));
        let known = known.filter(|known| joined && write.verb == Verb::Update && !known.partly);
        known.is_none_or(|known| write.sets.iter().any(|set| known.column(set).is_some()))
    })
}

/// An UPDATE or DELETE is proven to touch few rows: as many as a small table has at most (`[lint.thresholds] small-rows`).
pub(super) fn is_few(scene: &Scene<'_>, write: &Write) -> bool {
    let limit = scene.settings.thresholds.small_rows;
    at_most(scene, write).is_some_and(|rows| rows <= limit)
}

/// The most rows that an UPDATE or DELETE can touch: its condition holds all columns of a key to constants. None where that isn't proven.
pub(super) fn at_most(scene: &Scene<'_>, write: &Write) -> Option<u64> {
    let table = write.table.as_ref()?;
    let changes = matches!(write.verb, Verb::Update | Verb::Delete);
    // A join may write the other table's rows, or take an unqualified name from there.
    if !changes || write.beside || write.pinned.is_empty() {
        return None;
    }
    held(scene, table, &write.pinned)
}

/// The tables that an INSERT or MERGE may take many rows from: neither made here nor known to be small, and not held to a key.
pub(super) fn large_sources<'a>(scene: &Scene<'a>, write: &'a Write) -> Vec<&'a Name> {
    let limit = scene.settings.thresholds.small_rows;
    let few = |source: &&Source| {
        let held = held(scene, &source.table, &source.pinned);
        scene.is_new(&source.table)
            || is_small(scene, &source.table)
            || held.is_some_and(|rows| rows <= limit)
    };
    let sources = write.sources.iter().filter(|source| !few(source));
    sources.map(|source| &source.table).collect()
}

/// Tables whose rows go, or change, with rows deleted from this one: by ON DELETE CASCADE and its likes, at any distance.
pub(super) fn cascaded<'a>(scene: &Scene<'a>, table: &Name) -> Vec<&'a Name> {
    let mut found: Vec<&Name> = Vec::new();
    let mut next = vec![table];
    while let Some(parent) = next.pop() {
        let Some(known) = scene.known(parent) else {
            continue;
        };
        let own = known.foreign_keys.iter().filter(|key| key.table.is(parent));
        let own = own.map(|key| (known, key));
        for (child, key) in scene.catalog.referencing(parent).into_iter().chain(own) {
            let seen = found.iter().any(|other| other.is(&child.name));
            if key.acts_on_delete() && !seen && !scene.is_new(&child.name) {
                found.push(&child.name);
                next.push(&child.name);
            }
        }
    }
    found
}

/// No shard has more rows of it than a small table has.
pub(super) fn is_small(scene: &Scene<'_>, table: &Name) -> bool {
    scene.size(table).severity == Some(Severity::Note)
}

/// The most rows of a table for which some columns have one of a few constants. None where no key is held.
fn held(scene: &Scene<'_>, table: &Name, pinned: &[Pinned]) -> Option<u64> {
    let known = scene.own_table(table);
    let values = |column: &str| -> Option<u64> {
        let of_column =
            |pinned: &&Pinned| pinned.column == column && !is_cast(scene, known, pinned);
        let counts = pinned.iter().filter(of_column);
        counts.map(|pinned| pinned.values as u64).min()
    };
    let rows = |key: Vec<&str>| -> Option<u64> {
        let counts = key.into_iter().map(values);
        let product = |all: u64, one: Option<u64>| Some(all.saturating_mul(one?));
        counts.into_iter().try_fold(1, product)
    };
    let keys = known.into_iter().flat_map(Table::keys);
    let keys = keys
        .map(|(_, columns)| columns)
        .filter(|key| !key.is_empty());
    // Of a table that no migration made, it is the primary key unless a migration says otherwise.
    let adopted = known.is_none_or(|known| known.partly && known.primary_key.is_none());
    let id = || adopted.then(|| values("id")).flatten();
    keys.filter_map(rows).min().or_else(id)
}

/// MySQL compares text with a bare number as numbers: `code = 0` is true of all text that begins with no digit.
fn is_cast(scene: &Scene<'_>, known: Option<&Table>, pinned: &Pinned) -> bool {
    let column = known.and_then(|known| known.column(&pinned.column));
    let is_text = column.is_some_and(|column| column.data_type.is_text());
    scene.dialect() == Dialect::Mysql && pinned.number && is_text
}
