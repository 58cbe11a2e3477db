//! A foreign key points at rows that may be on another shard.

use crate::{
    finding::Decided,
    operation::{Action, Bytes, Column, Constraint, ConstraintKind, Name, Operation, Reference},
    settings::TableClass,
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};

pub(super) static CROSS_SHARD_FOREIGN_KEY: Rule = Rule {
    id: "cross-shard-foreign-key",
    group: Group::Shards,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "a foreign key points at rows that may be on another shard",
    about: "A foreign key holds within one shard. Between two sharded tables both sides must have the shard \
            key in it, or else a row and what it points at may lie apart. From a reference table to a \
            sharded one it is always wrong: the reference rows are everywhere, the others on one shard. To a \
            reference table it is right if that table has all rows on every shard first.",
    bad: include_str!("cross_shard_foreign_key/bad.sql"),
    good: include_str!("cross_shard_foreign_key/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let class = |table: &Name| scene.settings.class(table.schema.as_deref(), &table.name);
    let mut drafts = Vec::new();
    for (table, span, columns, reference) in keys(scene) {
        let other = &reference.table;
        let (Some(from), Some(to)) = (class(table), class(other)) else {
            continue;
        };
        let why = match (from, to) {
            (TableClass::Sharded, TableClass::Sharded) => {
                let key = |table: &Name| {
                    scene
                        .settings
                        .shard_key(table.schema.as_deref(), &table.name)
                        .unwrap_or_default()
                };
                let inside = |key: &[String], columns: &[String]| {
                    !key.is_empty() && key.iter().all(|part| columns.contains(part))
                };
                if inside(key(table), &columns)
                    && (reference.columns.is_empty() || inside(key(other), &reference.columns))
                {
                    continue;
                }
                format!(
                    "Both are sharded, and the shard key isn't in the foreign key: the row in {other} may be on another shard."
                )
            }
            (TableClass::Reference, TableClass::Sharded) => {
                format!(
                    "{table} has the same rows on every shard, and {other} has each row on one: most of them point nowhere."
                )
            }
            (TableClass::Sharded | TableClass::Reference, TableClass::Global) => {
                format!("{other} is on one shard only, and {table} on all of them.")
            }
            _ => continue,
        };
        drafts.push(
            Draft::new(span, format!("{table} references {other} across shards"))
                .decided(Decided::Config)
                .why(why)
                .shards("The insert fails on the shards that don't have the other row.")
                .instead("Put the shard key into both sides, make the other a reference table, or check with `greylag verify reference`."),
        );
    }
    drafts
}

type Key<'a> = (&'a Name, Bytes, Vec<String>, &'a Reference);

fn keys<'a>(scene: &Scene<'a>) -> Vec<Key<'a>> {
    let of = |table: &'a Name, constraint: &'a Constraint| match &constraint.kind {
        ConstraintKind::ForeignKey { columns, reference } => {
            Some((table, constraint.span.clone(), columns.clone(), reference))
        }
        _ => None,
    };
    let inline = |table: &'a Name, column: &'a Column| {
        Some((
            table,
            column.span.clone(),
            vec![column.name.clone()],
            column.references.as_ref()?,
        ))
    };
    match scene.operation {
        Operation::CreateTable(create) => {
            let apart = create
                .constraints
                .iter()
                .filter_map(|c| of(&create.name, c));
            let own = create
                .columns
                .iter()
                .filter_map(|c| inline(&create.name, c));
            apart.chain(own).collect()
        }
        Operation::AlterTable(alter) => alter
            .actions
            .iter()
            .filter_map(|(action, _)| match action {
                Action::AddConstraint(constraint) => of(&alter.name, constraint),
                Action::AddColumn { column, .. } => inline(&alter.name, column),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}
