//! What is unique per shard is not unique.

use crate::{
    finding::Decided,
    operation::{Action, Bytes, Column, Constraint, ConstraintKind, Expression, Name, Operation},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};

pub(super) static UNIQUE_WITHOUT_SHARD_KEY: Rule = Rule {
    id: "unique-without-shard-key",
    group: Group::Shards,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "what is unique per shard is not unique",
    about: "A unique constraint or index on a sharded table holds on each shard by itself. Unless it \
            contains the shard key, two shards may hold the same value, and nobody says so. What is on two shards is found outside of them: \
            gather the values of each (`SELECT email FROM users`), and look for those that come twice.",
    bad: include_str!("unique_without_shard_key/bad.sql"),
    good: include_str!("unique_without_shard_key/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (table, span, columns, what) in uniques(scene) {
        let (schema, name) = (table.schema.as_deref(), table.name.as_str());
        let Some(key) = scene.settings.shard_key(schema, name) else {
            continue;
        };
        let has = |part: &String| {
            columns
                .iter()
                .flatten()
                .any(|column| column.eq_ignore_ascii_case(part))
        };
        if key.iter().all(has) || is_number(scene, table, &columns) {
            continue;
        }
        let key = key.join(", ");
        drafts.push(
            Draft::new(span, format!("{what} of {table} holds on each shard by itself"))
                .decided(Decided::Config)
                .why(format!("It doesn't contain the shard key ({key}): the same value may be on two shards."))
                .shards("Nothing on a shard can see another shard's rows.")
                .instead(format!("Put {key} into it, or keep it unique in the application; to prove that it is, gather the values of all shards and look for those that come twice.")),
        );
    }
    drafts
}

type Found<'a> = (&'a Name, Bytes, Vec<Option<String>>, &'static str);

fn uniques<'a>(scene: &Scene<'a>) -> Vec<Found<'a>> {
    let mut found: Vec<Found<'a>> = Vec::new();
    let mut constraint = |table: &'a Name, constraint: &'a Constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey {
            columns,
            using_index: None,
        } => {
            let columns = columns.iter().cloned().map(Some).collect();
            found.push((table, constraint.span.clone(), columns, "the primary key"));
        }
        ConstraintKind::Unique {
            columns,
            using_index: None,
        } => {
            found.push((
                table,
                constraint.span.clone(),
                columns.clone(),
                "a unique constraint",
            ));
        }
        ConstraintKind::Exclude { columns } => {
            found.push((
                table,
                constraint.span.clone(),
                columns.clone(),
                "an EXCLUDE constraint",
            ));
        }
        _ => {}
    };
    let mut columns: Vec<(&'a Name, &'a Column)> = Vec::new();
    match scene.operation {
        Operation::CreateTable(create) if !create.temporary => {
            create
                .constraints
                .iter()
                .for_each(|c| constraint(&create.name, c));
            columns.extend(create.columns.iter().map(|column| (&create.name, column)));
        }
        Operation::AlterTable(alter) => {
            for (action, _) in &alter.actions {
                match action {
                    Action::AddConstraint(c) => constraint(&alter.name, c),
                    Action::AddColumn { column, .. } | Action::ModifyColumn { column, .. } => {
                        columns.push((&alter.name, column));
                    }
                    _ => {}
                }
            }
        }
        Operation::CreateIndex(create) if create.unique => {
            found.push((
                &create.table,
                scene.whole(),
                create.columns.clone(),
                "a unique index",
            ));
        }
        Operation::Write(write) => {
            let conflict = write
                .conflict
                .as_ref()
                .filter(|columns| !columns.is_empty());
            if let (Some(table), Some(conflict)) = (&write.table, conflict) {
                found.push((table, scene.whole(), conflict.clone(), "ON CONFLICT"));
            }
        }
        _ => {}
    }
    for (table, column) in columns {
        let one = vec![Some(column.name.clone())];
        if column.primary_key {
            found.push((table, column.span.clone(), one, "the primary key"));
        } else if column.unique {
            found.push((table, column.span.clone(), one, "a unique constraint"));
        }
    }
    found
}

/// A key of random or numbered ids: that those differ between shards is the matter of local-sequence.
fn is_number(scene: &Scene<'_>, table: &Name, columns: &[Option<String>]) -> bool {
    let [Some(column)] = columns else {
        return false;
    };
    let plain = |default: &Option<Expression>| {
        default
            .as_ref()
            .is_some_and(|default| default.calls.iter().any(|call| call.contains("uuid")))
    };
    let numbers = |own: &Column| {
        own.name == *column
            && (own.is_numbered() || own.data_type.name == "uuid" || plain(&own.default))
    };
    // What the statement itself says of the column comes first.
    let said = match scene.operation {
        Operation::CreateTable(create) => return create.columns.iter().any(numbers),
        Operation::AlterTable(alter) => alter.actions.iter().any(|(action, _)| match action {
            Action::AddColumn { column, .. } | Action::ModifyColumn { column, .. } => {
                numbers(column)
            }
            _ => false,
        }),
        _ => false,
    };
    let known = scene.known(table).and_then(|known| known.column(column));
    said || known
        .is_some_and(|c| c.is_numbered() || c.data_type.name == "uuid" || plain(&c.default))
}
