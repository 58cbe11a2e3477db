//! Replicas search a table without a primary key row by row.

use crate::operation::{Action, ConstraintKind, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, Rule, SERVERS},
};
use greylag_core::engine::Dialect;

pub(super) static NO_PRIMARY_KEY: Rule = Rule {
    id: "no-primary-key",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: SERVERS,
    title: "replicas search a table without a primary key row by row",
    about: "With row-based replication a replica of MySQL or MariaDB reads the whole table for each changed \
            row of a table without a key. Logical subscribers of PostgreSQL need one too, and so do gh-ost, \
            pt-online-schema-change, and Greylag's backfills, which walk it.",
    bad: include_str!("no_primary_key/bad.sql"),
    good: include_str!("no_primary_key/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::CreateTable(create) = scene.operation else {
        return Vec::new();
    };
    let exempt = create.temporary
        || create.partition_of.is_some()
        || create.like.is_some()
        || create.query.is_some()
        || !create.inherits.is_empty();
    if exempt || create.primary_key().is_some() || !scene.has_replicas() {
        return Vec::new();
    }
    // A key that comes later in the file will do.
    let later = scene.operations[scene.index..]
        .iter()
        .any(|operation| match operation {
            Operation::AlterTable(alter) => {
                alter.name.is(&create.name)
                    && alter.actions.iter().any(|(action, _)| match action {
                        Action::AddConstraint(constraint) => {
                            matches!(constraint.kind, ConstraintKind::PrimaryKey { .. })
                        }
                        Action::AddColumn { column, .. } | Action::ModifyColumn { column, .. } => {
                            column.primary_key
                        }
                        _ => false,
                    })
            }
            _ => false,
        });
    if later {
        return Vec::new();
    }
    let mysql = scene.dialect() == Dialect::Mysql;
    let draft = Draft::new(create.name.span.clone(), format!("{} has no primary key", create.name))
        .why("A row without a key can't be named: not by replicas, not by tools that change the table online, not by a backfill.")
        .instead("Give it a primary key.");
    if mysql {
        draft
            .replicas(
                "A replica reads the whole table for each row that an UPDATE or DELETE changed.",
            )
            .alone()
    } else {
        draft.severity(Severity::Note).alone()
    }
}
