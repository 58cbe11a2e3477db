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
    let knows = scene.fleet.is_some() || scene.settings.tables.values().any(|t| t.rows.is_some());
    // What Greylag goes through in batches, it brakes by the replicas' lag.
    if !knows || scene.dialect() == Dialect::Sqlite {
        return Vec::new();
    }
    let mut all = Vec::new();
    if let Operation::Write(whole) = scene.operation {
        let writes = std::iter::once(whole).chain(&whole.within);
        all.extend(writes.filter_map(|write| by_write(scene, write)));
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

/// Rows are as many as the table has, unless the text proves that they are few.
fn by_write(scene: &Scene<'_>, write: &Write) -> Option<Logged> {
    let table = write.table.as_ref()?;
    let image = scene.dialect() == Dialect::Mysql;
    if write.batched || write.limit || reach::is_few(scene, write) {
        return None;
    }
    let span = table.span.clone();
    match write.verb {
        Verb::Update | Verb::Delete if !scene.is_new(table) => {
            let size = sized(scene, table)?;
            let times = match (write.verb, image) {
                // The binary log has each row before and after; WAL has the pages too, and every index.
                (Verb::Update, true) => 2,
                (Verb::Update, false) => 4,
                _ => 1,
            };
            Some(of(table, span, size.table * times, &size))
        }
        Verb::Insert | Verb::Merge if write.from_query => {
            let read = write.reads.iter().filter_map(|read| sized(scene, read));
            let largest = read.max_by_key(|size| size.table)?;
            let times = if image { 1 } else { 2 };
            Some(of(table, span, largest.table * times, &largest))
        }
        _ => None,
    }
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
