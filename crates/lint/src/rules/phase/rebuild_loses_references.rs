//! Renaming the old table first takes its references along.

use crate::operation::{Action, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SQLITE},
};

pub(super) static REBUILD_LOSES_REFERENCES: Rule = Rule {
    id: "rebuild-loses-references",
    group: Group::Phase,
    severity: Some(Severity::Warning),
    dialects: SQLITE,
    title: "renaming the old table first takes its references along",
    about: "To build a table anew in SQLite: make the new one, copy, drop the old one, rename the new one. \
            Renaming the old one first rewrites the foreign keys, views and triggers of other tables so that \
            they mean the old one, under its new name.",
    bad: include_str!("rebuild_loses_references/bad.sql"),
    good: include_str!("rebuild_loses_references/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    scene
        .actions()
        .filter_map(|(table, action, span)| match action {
            Action::RenameTo(to) => Some((table, to, span)),
            _ => None,
        })
        .filter(|(table, to, _)| {
            let later = &scene.operations[scene.index + 1..];
            let again = later.iter().any(|op| matches!(op, Operation::CreateTable(create) if create.name.is(table)));
            let dropped = later.iter().any(|op| matches!(op, Operation::Drop(drop) if drop.names.iter().any(|name| name.is(to))));
            again && dropped
        })
        .map(|(table, to, span)| {
            Draft::new(span.clone(), format!("what references {table} will reference {to}, which is dropped"))
                .why("SQLite rewrites foreign keys, views and triggers of other tables when a table is renamed.")
                .instead("Make the new table under another name, copy, drop the old one, then rename the new one.")
        })
        .collect()
}
