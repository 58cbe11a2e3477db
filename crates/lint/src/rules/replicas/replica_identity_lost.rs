//! UPDATE and DELETE fail on the publisher without a replica identity.

use super::published::published;
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
            itself refuses every UPDATE and DELETE of it: an outage on the primary. The identity goes with its \
            constraint, with its index (REPLICA IDENTITY USING INDEX), and with any column of either. Make the \
            new identity before the old one goes, or in the same transaction.",
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
        let later = is_given_again(scene, &create.name);
        return match published(scene, &create.name) {
            Some((true, decided)) if keyless && !later && !create.temporary && !create.unlogged => {
                told(&create.name.span, &create.name, decided).alone()
            }
            _ => Vec::new(),
        };
    }
    let mut drafts = Vec::new();
    for (table, span, lost) in losses(scene) {
        let Some((_, decided)) = published(scene, table).filter(|_| lost) else {
            continue;
        };
        if !is_given_again(scene, table) {
            drafts.push(told(&span, table, decided));
        }
    }
    drafts
}

/// What each clause, or each dropped index, takes from its table: whether that is the identity.
fn losses<'a>(scene: &Scene<'a>) -> Vec<(&'a Name, Bytes, bool)> {
    if let Operation::DropIndex(drop) = scene.operation {
        let names = drop.names.iter();
        let of = |name: &'a Name| {
            let (table, _) = scene.catalog.index(&name.name)?;
            let lost = table.replica_identity == Some(ReplicaIdentity::Index(name.name.clone()));
            (!scene.is_new(&table.name)).then(|| (&table.name, name.span.clone(), lost))
        };
        return names.filter_map(of).collect();
    }
    let actions = scene.actions();
    actions
        .map(|(table, action, span)| (table, span.clone(), is_lost(scene, table, action)))
        .collect()
}

fn is_lost(scene: &Scene<'_>, table: &Name, action: &Action) -> bool {
    let known = scene.known(table);
    let identity = known.and_then(|known| known.replica_identity.as_ref());
    let by_key = matches!(identity, None | Some(ReplicaIdentity::Default));
    match action {
        Action::DropConstraint { name, .. } => match identity {
            Some(ReplicaIdentity::Index(own)) => own == name,
            _ => {
                let own = known.and_then(|known| known.primary_key_name.as_ref());
                by_key && (own == Some(name) || *name == format!("{}_pkey", table.name))
            }
        },
        Action::DropColumn { column, .. } => match (identity, known) {
            (Some(ReplicaIdentity::Index(own)), Some(known)) => known.is_in_index(own, column),
            (_, Some(known)) => by_key && known.is_in_primary_key(column),
            (_, None) => false,
        },
        Action::ReplicaIdentity(ReplicaIdentity::Nothing) => true,
        // Back to the primary key, where the table is known to have none.
        Action::ReplicaIdentity(ReplicaIdentity::Default) => {
            known.is_some_and(|known| !known.partly && known.primary_key.is_none())
        }
        _ => false,
    }
}

/// Whether the same statement or transaction gives it another. In between, a transaction of its own would find none.
fn is_given_again(scene: &Scene<'_>, table: &Name) -> bool {
    let here = scene.transaction();
    let made = matches!(scene.operation, Operation::CreateTable(_));
    let mut later = (scene.index..scene.operations.len()).filter(|at| {
        let together = here.is_some() && scene.transactions[*at] == here;
        // Nobody writes a table that was made a moment ago.
        *at == scene.index || together || made
    });
    later.any(|at| gives_key(&scene.operations[at], table))
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
            Action::ReplicaIdentity(identity) => {
                matches!(identity, ReplicaIdentity::Full | ReplicaIdentity::Index(_))
            }
            _ => false,
        })
}
