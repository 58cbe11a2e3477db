//! Replicas don't have the rows of an unlogged table.

use crate::operation::{Action, Bytes, Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static UNLOGGED_TABLE: Rule = Rule {
    id: "unlogged-table",
    group: Group::Replicas,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "replicas don't have the rows of an unlogged table",
    about: "An unlogged table is empty on every replica: reading it there is an error, and after a failover \
            its rows are gone. SET LOGGED writes all of it into the WAL.",
    bad: include_str!("unlogged_table/bad.sql"),
    good: include_str!("unlogged_table/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if !scene.has_replicas() {
        return Vec::new();
    }
    let told = |span: &Bytes, table: &Name| {
        Draft::new(
            span.clone(),
            format!("{table} can't be read on replicas, and is empty after a failover"),
        )
        .why("What is unlogged isn't in the WAL: a standby has the table's name and nothing else.")
        .replicas("Queries fail: cannot access temporary or unlogged relations during recovery.")
        .instead("Leave the table logged; for scratch data use a temporary table.")
    };
    match scene.operation {
        Operation::CreateTable(create) if create.unlogged => {
            told(&create.name.span, &create.name).alone()
        }
        Operation::AlterTable(alter) => {
            let unlogged = alter
                .actions
                .iter()
                .filter(|(action, _)| *action == Action::SetUnlogged);
            unlogged.map(|(_, span)| told(span, &alter.name)).collect()
        }
        _ => Vec::new(),
    }
}
