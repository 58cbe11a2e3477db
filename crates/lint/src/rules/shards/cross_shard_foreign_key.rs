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
            key in it, each part across from its like, or else a row and what it points at may lie apart; a \
            REFERENCES without columns means the other's primary key. From a reference or global table to a \
            sharded one it is always wrong: these rows lie on all shards or on one, the others wherever \
            their key puts them. From a sharded or reference table to a global one it fails on all shards but \
            one. To a reference table it is right if that table has all rows on every shard first.",
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
                let referenced = referenced(scene, table, reference);
                match together(scene, table, &columns, other, referenced.as_deref()) {
                    true => continue,
                    false => format!(
                        "Both are sharded, and the shard key isn't on both sides of the foreign key in the same place: the row in {other} may be on another shard."
                    ),
                }
            }
            (TableClass::Reference, TableClass::Sharded) => {
                format!(
                    "{table} has the same rows on every shard, and {other} has each row on one: most of them point nowhere."
                )
            }
            (TableClass::Global, TableClass::Sharded) => {
                format!("{table} is on one shard only, and the rows of {other} are on all of them.")
            }
            (TableClass::Sharded | TableClass::Reference, TableClass::Global) => {
                format!("{other} is on one shard only, and {table} on all of them.")
            }
            // What a reference table has is on every shard, and a global table's like is where it is.
            (_, TableClass::Reference) | (TableClass::Global, TableClass::Global) => continue,
        };
        drafts.push(
            Draft::new(span, format!("{table} references {other} across shards"))
                .decided(Decided::Config)
                .why(why)
                .shards("The insert fails on the shards that don't have the other row.")
                .instead("Put the shard key into both sides, make the other a reference table, or leave the key out and look for rows that point nowhere yourself: gather both sides (`SELECT DISTINCT …`) from all shards and compare."),
        );
    }
    drafts
}

/// The columns that are pointed at; None where they aren't known.
fn referenced(scene: &Scene<'_>, table: &Name, reference: &Reference) -> Option<Vec<String>> {
    if !reference.columns.is_empty() {
        return Some(reference.columns.clone());
    }
    match scene.operation {
        Operation::CreateTable(create) if reference.table.is(table) => create.primary_key(),
        _ => scene.known(&reference.table)?.primary_key.clone(),
    }
}

/// Whether each part of one shard key stands across from the same part of the other.
fn together(
    scene: &Scene<'_>,
    table: &Name,
    columns: &[String],
    other: &Name,
    referenced: Option<&[String]>,
) -> bool {
    let key = |table: &Name| {
        let key = scene
            .settings
            .shard_key(table.schema.as_deref(), &table.name);
        key.unwrap_or_default()
    };
    let (own, theirs) = (key(table), key(other));
    let at = |columns: &[String], part: &String| {
        let mut columns = columns.iter();
        columns.position(|column| column.eq_ignore_ascii_case(part))
    };
    let mut parts = own.iter().zip(theirs);
    !own.is_empty()
        && own.len() == theirs.len()
        && parts.all(|(part, like)| match (at(columns, part), referenced) {
            (Some(place), Some(referenced)) => at(referenced, like) == Some(place),
            // Nobody knows the other's primary key.
            (place, None) => place.is_some(),
            (None, Some(_)) => false,
        })
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
