//! Whole rows go into the log, and are searched for one by one.

use crate::operation::{Action, Operation, ReplicaIdentity};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static REPLICA_IDENTITY_FULL: Rule = Rule {
    id: "replica-identity-full",
    group: Group::Replicas,
    severity: Some(Severity::Note),
    dialects: POSTGRES,
    title: "whole rows go into the log, and are searched for one by one",
    about: "REPLICA IDENTITY FULL writes the whole old row into the WAL at each UPDATE and DELETE, and a \
            subscriber without a fitting index reads its whole table for each of them.",
    bad: include_str!("replica_identity_full/bad.sql"),
    good: include_str!("replica_identity_full/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::AlterTable(alter) = scene.operation else {
        return Vec::new();
    };
    let full = alter
        .actions
        .iter()
        .filter(|(action, _)| *action == Action::ReplicaIdentity(ReplicaIdentity::Full));
    full.map(|(_, span)| {
        Draft::new(span.clone(), format!("each UPDATE and DELETE of {} logs the whole old row", alter.name))
            .why("The WAL grows with the width of the table.")
            .replicas("A subscriber may have to read its whole table for each changed row.")
            .instead("Give the table a primary key, or REPLICA IDENTITY USING INDEX of a unique index on NOT NULL columns.")
    })
    .collect()
}
