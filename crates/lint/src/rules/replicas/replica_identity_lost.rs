//! UPDATE and DELETE fail on the publisher without a replica identity.

use super::logical_change_not_carried::published;
use crate::operation::{Action, Bytes, ConstraintKind, Name, Operation, ReplicaIdentity};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static REPLICA_IDENTITY_LOST: Rule = Rule {
    id: "replica-identity-lost",
    group: Group::Replicas,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "UPDATE and DELETE fail on the publisher without a replica identity",
    about: "A published table needs a primary key, or another replica identity. Without one the publisher \
            itself refuses every UPDATE and DELETE of it: an outage on the primary. Make the new identity \
            before the old one goes.",
    bad: include_str!("replica_identity_lost/bad.sql"),
    good: include_str!("replica_identity_lost/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let told = |span: &Bytes, table: &Name, decided| {
        Draft::new(span.clone(), format!("UPDATE and DELETE of {table} will fail on the primary"))
            .decided(decided)
            .why("The table is published and has no replica identity: the publisher refuses to change its rows.")
            .instead("Make the new primary key or REPLICA IDENTITY USING INDEX first, and drop the old one after it.")
    };
    if let Operation::CreateTable(create) = scene.operation {
        let keyless = create.primary_key().is_none()
            && create.partition_of.is_none()
            && create.like.is_none()
            && create.query.is_none();
        let later = scene.operations[scene.index..]
            .iter()
            .any(|op| gives_key(op, &create.name));
        return match published(scene, &create.name) {
            Some((true, decided)) if keyless && !later && !create.temporary && !create.unlogged => {
                told(&create.name.span, &create.name, decided).alone()
            }
            _ => Vec::new(),
        };
    }
    let mut drafts = Vec::new();
    for (table, action, span) in scene.actions() {
        let Some((_, decided)) = published(scene, table) else {
            continue;
        };
        let lost = match action {
            Action::DropConstraint { name, .. } => {
                let known = scene.known(table);
                let own = known.and_then(|known| known.primary_key_name.clone());
                let full = known
                    .is_some_and(|known| known.replica_identity == Some(ReplicaIdentity::Full));
                !full && (own.as_ref() == Some(name) || *name == format!("{}_pkey", table.name))
            }
            Action::ReplicaIdentity(identity) => *identity == ReplicaIdentity::Nothing,
            _ => false,
        };
        let again = scene.operations[scene.index..]
            .iter()
            .any(|op| gives_key(op, table));
        if lost && !again {
            drafts.push(told(span, table, decided));
        }
    }
    drafts
}

fn gives_key(operation: &Operation, table: &Name) -> bool {
    let Operation::AlterTable(alter) = operation else {
        return false;
    };
    alter.name.is(table)
        && alter.actions.iter().any(|(action, _)| match action {
            Action::AddConstraint(constraint) => {
                matches!(constraint.kind, ConstraintKind::PrimaryKey { .. })
            }
            Action::ReplicaIdentity(identity) => *identity != ReplicaIdentity::Nothing,
            _ => false,
        })
}
