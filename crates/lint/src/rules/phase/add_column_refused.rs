//! SQLite refuses this column.

use crate::operation::{Action, Column, Generated, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SQLITE},
};

pub(super) static ADD_COLUMN_REFUSED: Rule = Rule {
    id: "add-column-refused",
    group: Group::Phase,
    severity: Some(Severity::Error),
    dialects: SQLITE,
    title: "SQLite refuses this column",
    about: "SQLite adds no column that is PRIMARY KEY or UNIQUE, or stored generated; a NOT NULL column \
            needs a default that isn't NULL; a default must be constant where the table has rows; a column \
            that references another table needs NULL as its default while foreign keys are on.",
    bad: include_str!("add_column_refused/bad.sql"),
    good: include_str!("add_column_refused/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::AlterTable(alter) = scene.operation else {
        return Vec::new();
    };
    let added = alter
        .actions
        .iter()
        .filter_map(|(action, span)| match action {
            Action::AddColumn { column, .. } => Some((&**column, span)),
            _ => None,
        });
    added
        .filter_map(|(column, span)| Some((column, span, refusal(column)?)))
        .map(|(column, span, why)| {
            Draft::new(
                span.clone(),
                format!("SQLite doesn't add {}: {why}", column.name),
            )
            .why("The statement fails, on every shard or on those that have rows.")
            .instead(
                "Add it as SQLite allows and fill it, or build the table anew and copy the rows.",
            )
        })
        .collect()
}

fn refusal(column: &Column) -> Option<&'static str> {
    let default = column.default.as_ref();
    let nothing = default.is_none_or(|default| default.is_null);
    let constant = default.is_none_or(|default| default.literal || default.is_null);
    Some(if column.primary_key {
        "it is a PRIMARY KEY"
    } else if column.unique {
        "it is UNIQUE"
    } else if column.generated == Some(Generated::Stored) {
        "it is generated and STORED"
    } else if column.not_null && nothing && column.generated.is_none() {
        "it is NOT NULL and has no default"
    } else if !constant {
        "its default isn't constant, and there may be rows"
    } else if column.references.is_some() && !nothing {
        "it references a table and its default isn't NULL"
    } else {
        return None;
    })
}
