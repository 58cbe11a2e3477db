//! Rows are written in one go, not in batches.

use super::super::{reach, words};
use crate::operation::{Name, Operation, Verb, Write};
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
            (5, 6)`); of a table that no migration made, where it does so for `id`. An INSERT is one where all tables that its rows \
            come from are held so, made in the same stage, or known to be small; those that are only looked into (EXISTS) add \
            none. In a backfill it is an error. A DELETE of few rows is a note where a foreign key's ON DELETE takes \
            others along.",
    bad: include_str!("write_without_batch/bad.sql"),
    good: include_str!("write_without_batch/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::Write(whole) = scene.operation else {
        return Vec::new();
    };
    let writes = reach::writes(scene, whole);
    writes.flat_map(|write| one(scene, write)).collect()
}

fn one(scene: &Scene<'_>, write: &Write) -> Vec<Draft> {
    let Some(table) = write.table.as_ref().filter(|table| !scene.is_new(table)) else {
        return Vec::new();
    };
    let sources = reach::large_sources(scene, write);
    let many = match write.verb {
        Verb::Update | Verb::Delete => !reach::is_few(scene, write),
        // Rows that come from tables made here, small ones, or ones held to a key are few.
        Verb::Insert => {
            let made_up = write.calls.iter().any(|call| call == "generate_series");
            write.from_query && (made_up || !sources.is_empty())
        }
        Verb::Merge => !write.merges.is_empty() && !sources.is_empty(),
        Verb::Select | Verb::Copy => false,
    };
    if write.batched {
        return Vec::new();
    }
    if write.limit || !many {
        return along(scene, write, table);
    }
    let verb = match write.verb {
        Verb::Update => "updated",
        Verb::Delete => "deleted",
        Verb::Merge if write.merges.contains(&Verb::Delete) => "merged or deleted",
        Verb::Merge => "merged",
        _ => "inserted",
    };
    let whole = (write.condition.is_none() || write.always_true) && write.verb != Verb::Insert;
    let (every, are) = if whole {
        ("every row", "is")
    } else {
        ("rows", "are")
    };
    // Of an INSERT, how large the tables are that its rows come from.
    let largest = match write.verb {
        Verb::Insert | Verb::Merge => {
            let rows = |name: &&&Name| scene.rows(name).map_or(0, |(rows, _)| rows);
            sources.iter().max_by_key(rows).copied()
        }
        _ => None,
    };
    let sized = largest.unwrap_or(table);
    let mut why = words::why(
        scene,
        sized,
        "The rows stay locked until all are done, and it can't be stopped without losing what it did.",
    );
    if let Some(others) = named(&children(scene, write, table)) {
        why +=
            &format!(" What references them in {others} goes or changes with them, by ON DELETE.");
    }
    let title = format!("{every} of {table} {are} {verb} in one transaction");
    let mut draft = words::about(scene, table, &scene.whole(), title);
    if largest.is_some() {
        draft.severity = None;
        draft = draft.sized(&scene.size(sized));
    }
    draft = draft
        .why(why)
        .replicas("Replicas lag behind the log it writes: two to four times what it changes.")
        .instead("Put it into a file with `-- greylag:phase backfill` and `-- greylag:change NAME`, and add `AND :batch` to its WHERE.");
    let backfills = scene.phase() == Phase::Backfill;
    if backfills {
        draft = draft.instead("Add `AND :batch` to its WHERE, or give it a backfill of its own.");
    }
    // Not to say how large is not to say that it is small.
    if whole && draft.severity.is_none() || backfills {
        draft = draft.severity(Severity::Error);
    }
    draft.alone()
}

/// Few rows are deleted, and perhaps many that reference them.
fn along(scene: &Scene<'_>, write: &Write, table: &Name) -> Vec<Draft> {
    let children = children(scene, write, table);
    let Some(others) = named(&children) else {
        return Vec::new();
    };
    let sizes = children.iter().map(|child| scene.size(child));
    let large = sizes.max_by_key(|size| size.severity == Some(Severity::Error));
    let title =
        format!("rows deleted from {table} take along those that reference them in {others}");
    let draft = Draft::new(scene.whole(), title).severity(Severity::Note);
    let draft = match large.filter(|size| size.severity == Some(Severity::Error)) {
        Some(size) => draft.severity(Severity::Warning).decided(size.decided),
        None => draft,
    };
    draft
        .why("ON DELETE deletes or changes them in the same transaction, however many they are; without an index on the referencing column each is looked for in the whole table.")
        .replicas("Replicas lag behind the log of those rows, too.")
        .instead(format!("Count them first. Where they are many, delete those of {others} in a backfill, and then these."))
        .alone()
}

/// The tables, none of them known to be small, whose rows go or change with what is deleted.
fn children<'a>(scene: &Scene<'a>, write: &Write, table: &Name) -> Vec<&'a Name> {
    if write.verb != Verb::Delete && !write.merges.contains(&Verb::Delete) {
        return Vec::new();
    }
    let children = reach::cascaded(scene, table).into_iter();
    children
        .filter(|child| !reach::is_small(scene, child))
        .collect()
}

fn named(tables: &[&Name]) -> Option<String> {
    let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
