//! How many bytes a statement writes into the log, by the sizes that the fleet or the project tells.
//!
//! Estimates, and said to be such: what is measured is on the page of effects. A statement whose tables nobody has sized counts
//! for nothing.

use super::{online, reach};
use crate::{
    effects::{Algorithm, Taken, Wal},
    finding::Decided,
    judge::Scene,
    operation::{Bytes, Name, Operation, Verb, Write},
};
use greylag_core::engine::Dialect;

/// What a row of a table takes, and what its indexes take for it, where only the number of rows is said.
const ROW: u64 = 150;
const ENTRIES: u64 = 50;
/// The record of one entry of an index, as PostgreSQL 15 was measured to write it.
const ENTRY: u64 = 65;

/// What one statement writes into the log for one table.
#[derive(Clone, Debug)]
pub(crate) struct Logged {
    pub(crate) table: Name,
    pub(crate) span: Bytes,
    /// On the largest shard.
    pub(crate) bytes: u64,
    /// On all shards of the fullest server, which share its log.
    pub(crate) on_server: u64,
    /// The largest shard, where it was seen.
    pub(crate) shard: Option<String>,
    pub(crate) decided: Decided,
}

struct Sized {
    table: u64,
    indexes: u64,
    /// How much larger the fullest server's shards are together than the largest alone, as numerator and denominator.
    share: (u64, u64),
    shard: Option<String>,
    decided: Decided,
}

/// What a statement writes into the log. `taken` is what it takes.
pub(crate) fn logged(scene: &Scene<'_>, taken: &[Taken]) -> Vec<Logged> {
    if scene.dialect() == Dialect::Sqlite {
        return Vec::new();
    }
    let mut all = Vec::new();
    if let Operation::Write(whole) = scene.operation {
        let writes = reach::writes(scene, whole);
        all.extend(writes.flat_map(|write| by_write(scene, write)));
    } else if !(scene.fleet.is_some() || scene.settings.tables.values().any(|t| t.rows.is_some())) {
        // Nobody said how large anything is.
    } else if scene.dialect() == Dialect::Postgres {
        all.extend(taken.iter().filter_map(|taken| by_effect(scene, taken)));
    } else if online::is_handed_over(scene) {
        // The statement itself is one line of the binary log; a tool copies row by row.
        let cost = online::cost(scene).filter(|cost| cost.algorithm >= Algorithm::InplaceRebuild);
        all.extend(cost.and_then(|cost| {
            let size = sized(scene, cost.table)?;
            Some(of(cost.table, cost.span.clone(), size.table, &size))
        }));
    }
    all
}

fn by_effect(scene: &Scene<'_>, taken: &Taken) -> Option<Logged> {
    let size = sized(scene, &taken.table)?;
    let bytes = match taken.effect.wal {
        Wal::Small | Wal::Rows => return None,
        // One index of several: half of them, or a sixth of the table, is a fair guess.
        Wal::Index => size.indexes.max(size.table / 3) / 2,
        Wal::Indexes => size.indexes,
        Wal::Table => size.table + size.indexes,
    };
    Some(of(&taken.table, taken.span.clone(), bytes, &size))
}

/// Rows are as many as the table has, unless the text proves that they are few; or as many as stand in the file.
fn by_write(scene: &Scene<'_>, write: &Write) -> Vec<Logged> {
    let Some(table) = write.table.as_ref() else {
        return Vec::new();
    };
    let image = scene.dialect() == Dialect::Mysql;
    // What Greylag goes through in batches, it brakes by the replicas' lag.
    if write.batched || write.limit || reach::is_few(scene, write) {
        return Vec::new();
    }
    let span = table.span.clone();
    match write.verb {
        Verb::Update | Verb::Delete if !scene.is_new(table) => {
            let times = match (write.verb, image) {
                // The binary log has each row before and after; WAL has the pages too, and every index.
                (Verb::Update, true) => 2,
                (Verb::Update, false) => 4,
                _ => 1,
            };
            let (_, cascades) = scene.logs_cascades();
            let along = match write.verb == Verb::Delete && cascades {
                true => reach::cascaded(scene, table),
                false => Vec::new(),
            };
            let tables = std::iter::once(table).chain(along);
            let one = |each: &Name| {
                let size = sized(scene, each)?;
                Some(of(
                    each,
                    span.clone(),
                    size.table.saturating_mul(times),
                    &size,
                ))
            };
            tables.filter_map(one).collect()
        }
        Verb::Insert | Verb::Merge if write.from_query => {
            let read = reach::large_sources(scene, write).into_iter();
            let read = read.filter_map(|read| sized(scene, read));
            let largest = read.max_by_key(|size| size.table);
            let times = if image { 1 } else { 2 };
            largest
                .map(|size| of(table, span, size.table.saturating_mul(times), &size))
                .into_iter()
                .collect()
        }
        Verb::Insert | Verb::Copy => written_down(scene, write, table).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What stands in the file: rows of the size that the table's have, or of what is written of them, whichever is more.
fn written_down(scene: &Scene<'_>, write: &Write, table: &Name) -> Option<Logged> {
    let copied = scene.statement().copy_data.clone();
    let (rows, text) = match (write.verb, copied) {
        (Verb::Copy, None) => return None,
        (Verb::Copy, Some(data)) => (lines(scene.sql(&data)), data),
        _ => (write.rows?, scene.whole()),
    };
    // Of the binary log the values alone; of WAL a record for each row, unless COPY packs a page of them into one.
    let (head, indexes) = match (scene.dialect(), write.verb) {
        (Dialect::Mysql, _) => (0, 0),
        (_, Verb::Copy) => (15, entries(scene, table)),
        _ => (60, entries(scene, table)),
    };
    let size = sized(scene, table);
    let known = scene.rows(table).filter(|(rows, _)| *rows > 0);
    let each = |bytes: fn(&Sized) -> u64| {
        let both = size.as_ref().zip(known);
        both.map_or(0, |(size, known)| bytes(size) / known.0)
    };
    let indexes = match scene.dialect() {
        Dialect::Mysql => 0,
        _ => indexes.max(each(|size| size.indexes)),
    };
    let written = (text.len() as u64).saturating_add(rows.saturating_mul(head));
    let bytes = written
        .max(rows.saturating_mul(each(|size| size.table)))
        .saturating_add(rows.saturating_mul(indexes));
    let together = scene
        .fleet
        .map_or(1, |fleet| fleet.shards_per_server.max(1));
    Some(Logged {
        table: table.clone(),
        span: table.span.clone(),
        bytes,
        on_server: bytes.saturating_mul(together as u64),
        shard: None,
        decided: size.map_or(Decided::Text, |size| size.decided),
    })
}

/// What a new row's entries in all known indexes are in WAL: a record for each.
fn entries(scene: &Scene<'_>, table: &Name) -> u64 {
    let known = scene.known(table);
    let count = known.map_or(0, |known| {
        known.uniques.len() + known.indexes.len() + usize::from(known.primary_key.is_some())
    });
    ENTRY * count.max(1) as u64
}

fn lines(data: &str) -> u64 {
    data.bytes().filter(|byte| *byte == b'\n').count() as u64
}

fn of(table: &Name, span: Bytes, bytes: u64, size: &Sized) -> Logged {
    let (all, one) = size.share;
    let scaled = u128::from(bytes) * u128::from(all) / u128::from(one.max(1));
    Logged {
        table: table.clone(),
        span,
        bytes,
        on_server: u64::try_from(scaled).unwrap_or(u64::MAX).max(bytes),
        shard: size.shard.clone(),
        decided: size.decided,
    }
}

fn sized(scene: &Scene<'_>, table: &Name) -> Option<Sized> {
    if let Some(facts) = scene.facts(table) {
        let own = facts.table_bytes + facts.index_bytes;
        return Some(Sized {
            table: facts.table_bytes,
            indexes: facts.index_bytes,
            share: (facts.bytes_per_server.max(own), own),
            shard: Some(facts.largest_shard.clone()).filter(|shard| !shard.is_empty()),
            decided: Decided::Fleet,
        });
    }
    let (rows, decided) = scene.rows(table)?;
    Some(Sized {
        table: rows.saturating_mul(ROW),
        indexes: rows.saturating_mul(ENTRIES),
        share: (1, 1),
        shard: None,
        decided,
    })
}
