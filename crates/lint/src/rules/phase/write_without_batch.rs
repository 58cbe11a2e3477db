//! Rows are written in one go, not in batches.

use super::super::{reach, words};
use crate::operation::{Operation, Verb, Write};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::migration::Phase;

pub(super) static WRITE_WITHOUT_BATCH: Rule = Rule {
    id: "write-without-batch",
    group: Group::Phase,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "rows are written in one go, not in batches",
    about: "One UPDATE over a large table holds its row locks to the end, writes two to four times the table \
            into the log, and replicas lag behind it. A file with `-- greylag:phase backfill` and `:batch` \
            in its WHERE goes in small steps, with the replicas' lag as its brake. A write is taken for a small \
            one where its condition holds all columns of a primary or unique key to constants (`id = 5`, `id IN \
            (5, 6)`); of a table that no migration made, where it does so for `id`. In a backfill it is an error.",
    bad: include_str!("write_without_batch/bad.sql"),
    good: include_str!("write_without_batch/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::Write(whole) = scene.operation else {
        return Vec::new();
    };
    let writes = std::iter::once(whole).chain(&whole.within);
    writes.flat_map(|write| one(scene, write)).collect()
}

fn one(scene: &Scene<'_>, write: &Write) -> Vec<Draft> {
    let Some(table) = write.table.as_ref().filter(|table| !scene.is_new(table)) else {
        return Vec::new();
    };
    let many = match write.verb {
        Verb::Update | Verb::Delete => !reach::is_few(scene, write),
        // Rows that come from a table made here are as few as its rows are.
        Verb::Insert => {
            let made_up = write.calls.iter().any(|call| call == "generate_series");
            write.from_query && (made_up || write.reads.iter().any(|read| !scene.is_new(read)))
        }
        Verb::Merge => {
            !write.merges.is_empty() && write.reads.iter().any(|read| !scene.is_new(read))
        }
        Verb::Select | Verb::Copy => false,
    };
    if write.batched || write.limit || !many {
        return Vec::new();
    }
    let verb = match write.verb {
        Verb::Update => "updated",
        Verb::Delete => "deleted",
        Verb::Merge if write.merges.contains(&Verb::Delete) => "merged or deleted",
        Verb::Merge => "merged",
        _ => "inserted",
    };
    let whole = write.condition.is_none() || write.always_true;
    let every = if whole && write.verb != Verb::Insert {
        "every row"
    } else {
        "rows"
    };
    let mut draft = words::about(scene, table, &scene.whole(), format!("{every} of {table} {} {verb} in one transaction", if whole && write.verb != Verb::Insert { "is" } else { "are" }))
        .why(words::why(scene, table, "The rows stay locked until all are done, and it can't be stopped without losing what it did."))
        .replicas("Replicas lag behind the log it writes: two to four times what it changes.")
        .instead("Put it into a file with `-- greylag:phase backfill` and `-- greylag:change NAME`, and add `AND :batch` to its WHERE.");
    let backfills = scene.phase() == Phase::Backfill;
    if backfills {
        draft = draft.instead("Add `AND :batch` to its WHERE, or give it a backfill of its own.");
    }
    // Not to say how large is not to say that it is small.
    if whole && draft.severity.is_none() && write.verb != Verb::Insert || backfills {
        draft = draft.severity(Severity::Error);
    }
    draft.alone()
}
