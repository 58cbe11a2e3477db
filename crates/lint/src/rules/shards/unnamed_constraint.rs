//! A name that each shard makes up by itself.

use crate::facts::FleetFacts;
use crate::operation::{Action, Bytes, Column, Constraint, ConstraintKind, Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SERVERS},
};
use greylag_core::engine::{Dialect, Engine};

pub(super) static UNNAMED_CONSTRAINT: Rule = Rule {
    id: "unnamed-constraint",
    group: Group::Shards,
    severity: Some(Severity::Note),
    dialects: SERVERS,
    title: "a name that each shard makes up by itself",
    about: "A constraint or index that is added to a table without a name gets one from the server: \
            orders_total_check, or orders_total_check1 where that is taken. So does a CHECK or REFERENCES that comes with a new column on MySQL \
            and MariaDB, which number them, and on PostgreSQL where another one has the plain name. A shard with another past makes up another name, and the DROP \
            of a later migration fails there. A table that goes out with it has no past, and one shard has only its own.",
    bad: include_str!("unnamed_constraint/bad.sql"),
    good: include_str!("unnamed_constraint/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    // What goes out together has one past; and one shard has only its own.
    let alone = |fleet: &FleetFacts| fleet.shards == 1 && fleet.unseen.is_empty();
    let new = scene
        .operation
        .table()
        .is_some_and(|table| scene.is_new(table));
    if new || scene.fleet.is_some_and(alone) && !scene.settings.knows_shards() {
        return Vec::new();
    }
    let told = |span: Bytes, what: &str| {
        Draft::new(span, format!("{what} has no name"))
            .why("The server makes one up, and where that is taken another one: a later DROP by name fails on some shard.")
            .shards("Shards with different pasts have different names.")
            .instead("Give it a name.")
    };
    let unnamed = |constraint: &Constraint| {
        let special = matches!(
            constraint.kind,
            ConstraintKind::PrimaryKey { .. } | ConstraintKind::NotNull { .. }
        );
        let taken = matches!(
            constraint.kind,
            ConstraintKind::Unique {
                using_index: Some(_),
                ..
            }
        );
        constraint.name.is_none() && !special && !taken
    };
    match scene.operation {
        Operation::CreateIndex(create) if create.name.is_none() => {
            told(scene.whole(), "the index").alone()
        }
        Operation::AlterTable(alter) => alter
            .actions
            .iter()
            .filter_map(|(action, span)| match action {
                Action::AddConstraint(constraint) if unnamed(constraint) => {
                    Some(told(span.clone(), "the constraint"))
                }
                Action::AddIndex { name: None, .. } => Some(told(span.clone(), "the index")),
                Action::AddColumn { column, .. } => {
                    let what = unnamed_of(scene, &alter.name, column)?;
                    Some(told(
                        span.clone(),
                        &format!("the {what} of {}", column.name),
                    ))
                }
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// What a new column brings without a name, where that isn't plain. On PostgreSQL nobody has taken orders_code_key where there was no
/// code, unless another column was called so; MySQL and MariaDB number names.
fn unnamed_of(scene: &Scene<'_>, table: &Name, column: &Column) -> Option<&'static str> {
    let postgres = scene.dialect() == Dialect::Postgres;
    let known = scene.known(table).filter(|_| postgres);
    let taken = |label| known.is_some_and(|known| known.has_taken(&column.name, label));
    let unique = column.unique && !column.primary_key && column.unique_name.is_none();
    let checks = column.checks.iter().filter(|check| check.name.is_none());
    let several = checks.clone().count() > usize::from(postgres);
    // On MySQL before 9.0 a column's own REFERENCES makes nothing: another rule's matter.
    let refers = taken("fkey") || scene.unit.engine == Engine::Mariadb;
    let reference = column.references.as_ref().filter(|_| refers);
    if unique && taken("key") {
        Some("UNIQUE")
    } else if several || checks.count() > 0 && taken("check") {
        Some("CHECK")
    } else {
        let reference = reference.filter(|reference| reference.name.is_none());
        reference.map(|_| "REFERENCES")
    }
}
