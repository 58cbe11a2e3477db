//! A new column must be given, and the old app doesn't give it.

use crate::operation::Action;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::engine::Dialect;

pub(super) static REQUIRED_COLUMN: Rule = Rule {
    id: "required-column",
    group: Group::Phase,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "a new column must be given, and the old app doesn't give it",
    about: "ADD COLUMN … NOT NULL without a default fails where there are rows, on the first shard that has \
            one. And an app that doesn't know the column can't insert any more. Give it a default, or add it \
            nullable, fill it, and set NOT NULL in a later step.",
    bad: include_str!("required_column/bad.sql"),
    good: include_str!("required_column/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    scene
        .actions()
        .filter_map(|(table, action, span)| match action {
            Action::AddColumn { column, .. } => Some((table, &**column, span)),
            _ => None,
        })
        .filter(|(_, column, _)| {
            let given = column.default.as_ref().is_some_and(|default| !default.is_null);
            (column.not_null || column.primary_key) && !given && !column.numbers_itself() && column.generated.is_none()
        })
        .map(|(table, column, span)| {
            let name = &column.name;
            let mysql = scene.dialect() == Dialect::Mysql;
            let why = if mysql {
                "Old rows silently get an empty value, and an app that doesn't know the column can't insert any more."
            } else {
                "It fails on a table that has rows, and an app that doesn't know the column can't insert any more."
            };
            Draft::new(span.clone(), format!("{table}.{name} must be given by whoever inserts"))
                .why(why)
                .shards("It depends on each shard's rows: an empty shard takes it, the next one fails.")
                .instead(format!("Give {name} a default, or add it without NOT NULL, fill it with a backfill, and set NOT NULL after that."))
        })
        .collect()
}
