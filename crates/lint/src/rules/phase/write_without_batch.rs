//! Rows are written in one go, not in batches.

use super::super::words;
use crate::operation::{Bytes, Operation, Verb, Write};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};

pub(super) static WRITE_WITHOUT_BATCH: Rule = Rule {
    id: "write-without-batch",
    group: Group::Phase,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "rows are written in one go, not in batches",
    about: "One UPDATE over a large table holds its row locks to the end, writes two to four times the table \
            into the log, and replicas lag behind it. A file with `-- greylag:phase backfill` and `:batch` \
            in its WHERE goes in small steps, with the replicas' lag as its brake.",
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
        Verb::Update | Verb::Delete => !is_one_row(scene, write.condition.as_ref()),
        // Rows that come from a table made here are as few as its rows are.
        Verb::Insert => {
            write.from_query
                && !write.reads.is_empty()
                && write.reads.iter().any(|read| !scene.is_new(read))
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
    // Not to say how large is not to say that it is small.
    if whole && draft.severity.is_none() && write.verb != Verb::Insert {
        draft = draft.severity(Severity::Error);
    }
    draft.alone()
}

/// `id = 5`: one row, or a few.
fn is_one_row(scene: &Scene<'_>, condition: Option<&Bytes>) -> bool {
    let Some(condition) = condition else {
        return false;
    };
    let text = scene.sql(condition).to_lowercase();
    let plain = !text.contains("select")
        && !text.contains(" or ")
        && !text.contains('<')
        && !text.contains('>');
    let value = text.split_once('=').is_some_and(|(_, value)| {
        let value = value.trim();
        value.starts_with('\'') || value.starts_with(|c: char| c.is_ascii_digit())
    });
    plain && (value || text.contains(" in ("))
}
