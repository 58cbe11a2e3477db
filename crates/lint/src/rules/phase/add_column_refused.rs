//! The server refuses this column.

use crate::{
    effects::default_differs,
    operation::{Action, Column, Generated, Operation},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule},
};

use greylag_core::engine::{Dialect, Engine};

pub(super) static ADD_COLUMN_REFUSED: Rule = Rule {
    id: "add-column-refused",
    group: Group::Phase,
    severity: Some(Severity::Error),
    dialects: &[Dialect::Sqlite, Dialect::Mysql],
    title: "the server refuses this column",
    about: "SQLite adds no column that is PRIMARY KEY or UNIQUE, or stored generated; a NOT NULL column \
            needs a default that isn't NULL; a default must be constant where the table has rows; a column \
            that references another table needs NULL as its default while foreign keys are on. MySQL, but \
            not MariaDB, adds no column whose default is another one for each row (UUID(), RAND()).",
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
    let engine = scene.unit.engine;
    let mysql = engine == Engine::Mysql && !scene.is_new(&alter.name);
    let refusal = |column: &Column| match scene.dialect() {
        Dialect::Sqlite => refusal(column),
        Dialect::Mysql if mysql && default_differs(column) => {
            Some("its default is another one for each row")
        }
        _ => None,
    };
    added
        .filter_map(|(column, span)| Some((column, span, refusal(column)?)))
        .map(|(column, span, why)| {
            Draft::new(
                span.clone(),
                format!("{} doesn't add {}: {why}", engine.title(), column.name),
            )
            .why("The statement fails, on every shard or on those that have rows.")
            .instead(
                "Add it as the server allows and fill it, or build the table anew and copy the rows.",
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
