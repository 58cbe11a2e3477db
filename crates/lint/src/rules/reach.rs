//! How many rows a write reaches, where its text proves that.
//!
//! Knows keys, no figures: a condition that few rows happen to meet proves nothing.

use crate::{
    catalog::Table,
    judge::Scene,
    operation::{Pinned, Verb, Write},
};
use greylag_core::engine::Dialect;

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
    let known = scene.known(table);
    let values = |column: &str| -> Option<u64> {
        let of_column =
            |pinned: &&Pinned| pinned.column == column && !is_cast(scene, known, pinned);
        let counts = write.pinned.iter().filter(of_column);
        counts.map(|pinned| pinned.values as u64).min()
    };
    let rows = |key: Vec<&str>| -> Option<u64> {
        let counts = key.into_iter().map(values);
        let product = |all: u64, one: Option<u64>| Some(all.saturating_mul(one?));
        counts.into_iter().try_fold(1, product)
    };
    match known.map(keys).filter(|keys| !keys.is_empty()) {
        Some(keys) => keys.into_iter().filter_map(rows).min(),
        None if known.is_none_or(|known| known.partly) => values("id"),
        None => None,
    }
}

/// The keys that no two rows share, each by all of its columns.
fn keys(table: &Table) -> Vec<Vec<&str>> {
    let whole = |columns: &'_ [Option<String>]| columns.iter().all(Option::is_some);
    let primary = table
        .primary_key
        .iter()
        .map(|key| key.iter().map(|c| &**c).collect());
    let uniques = table.uniques.iter().map(|unique| &unique.columns);
    let indexes = table
        .indexes
        .iter()
        .filter(|index| index.unique && !index.worked_out)
        .map(|index| &index.columns);
    let others = uniques.chain(indexes).filter(|columns| whole(columns));
    let others = others.map(|columns| columns.iter().flatten().map(|c| &**c).collect());
    primary
        .chain(others)
        .filter(|key: &Vec<&str>| !key.is_empty())
        .collect()
}

/// MySQL compares text with a bare number as numbers: `code = 0` is true of all text that begins with no digit.
fn is_cast(scene: &Scene<'_>, known: Option<&Table>, pinned: &Pinned) -> bool {
    let column = known.and_then(|known| known.column(&pinned.column));
    let is_text = column.is_some_and(|column| {
        matches!(
            &*column.data_type.name,
            "varchar" | "char" | "text" | "tinytext" | "mediumtext" | "longtext" | "enum" | "set"
        )
    });
    scene.dialect() == Dialect::Mysql && pinned.number && is_text
}
