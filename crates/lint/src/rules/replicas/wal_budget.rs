//! More is written to the log than replicas are given room for.

use crate::{
    finding::{Decided, Severity},
    judge::{Draft, File},
    rule::{Group, Look, Rule, SERVERS},
};

pub(super) static WAL_BUDGET: Rule = Rule {
    id: "wal-budget",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "more is written to the log than replicas are given room for",
    about: "A rewrite writes the table and its indexes into the WAL, an index itself, an UPDATE two to four \
            times its rows, a DELETE them once (and what ON DELETE takes along, where that is logged), an INSERT … SELECT what its rows come from; COPY with its \
            data and INSERT … VALUES what stands in the file, with each row's index entries. MySQL's and MariaDB's binary log takes rows too, \
            and an ALTER as one line, unless a tool copies the table. A write counts as one of all rows \
            unless its condition proves that they are few. All that a file writes is added up, by the largest \
            shard's sizes or by the `rows` that `[lint.tables]` says, and compared with what one migration may \
            write (`[lint.thresholds] wal-bytes`); all that the shards of one server write, with what a slot of \
            PostgreSQL may still fall behind (max_slot_wal_keep_size): beyond that it is an error. Backfills \
            with `:batch` are held back by the replicas' lag, and not counted.",
    bad: include_str!("wal_budget/bad.sql"),
    good: include_str!("wal_budget/good.sql"),
    look: Look::File(look),
};

fn look(file: &File<'_>) -> Vec<Draft> {
    let logged: Vec<_> = file.logged.iter().flatten().collect();
    let Some(largest) = logged.iter().max_by_key(|one| one.bytes) else {
        return Vec::new();
    };
    let total = |each: fn(u64, u64) -> u64| {
        let all = logged.iter().map(|one| (one.bytes, one.on_server));
        all.fold(0u64, |sum, (bytes, server)| {
            sum.saturating_add(each(bytes, server))
        })
    };
    let (bytes, on_server) = (total(|bytes, _| bytes), total(|_, server| server));
    let limit = file.settings.thresholds.wal_bytes;
    let slots = file.fleet.map_or(&[][..], |fleet| &fleet.slots);
    let slot = slots
        .iter()
        .filter_map(|slot| Some((slot.headroom_bytes?, slot)))
        .min_by_key(|(headroom, _)| *headroom)
        .filter(|(headroom, _)| on_server > *headroom);
    if bytes <= limit && slot.is_none() {
        return Vec::new();
    }
    let mut tables: Vec<String> = Vec::new();
    for one in &logged {
        let name = one.table.to_string();
        if !tables.contains(&name) {
            tables.push(name);
        }
    }
    let shard = largest.shard.as_ref().map(|shard| format!(" on {shard}"));
    let title = format!(
        "about {} go into the log for {}{}",
        megabytes(bytes),
        tables.join(", "),
        shard.unwrap_or_default()
    );
    let decided = logged.iter().map(|one| one.decided).max();
    let mut draft = Draft::new(largest.span.clone(), title)
        .decided(decided.unwrap_or(Decided::Text))
        .why(format!(
            "That is more than the {} that one migration may write on a shard.",
            megabytes(limit)
        ))
        .replicas("Replicas lag until they have received and replayed all of it.")
        .instead("Go in batches, or build what is new beside the old, and keep an eye on the lag.");
    if let Some((headroom, slot)) = slot {
        let all = match on_server > bytes {
            true => format!(
                " All shards of one server write {} together.",
                megabytes(on_server)
            ),
            false => String::new(),
        };
        draft = draft.severity(Severity::Error).why(format!(
            "The slot {} on {} may fall behind by {} more; after that it is lost, and whoever reads it starts anew.{all}",
            slot.name,
            slot.shard,
            megabytes(headroom)
        ));
    }
    draft.alone()
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", bytes / 1_000_000)
}
