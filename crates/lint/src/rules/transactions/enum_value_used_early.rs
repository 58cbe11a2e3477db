//! A new value of an enum is used before it is committed.

use crate::operation::{Alter, Change, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static ENUM_VALUE_USED_EARLY: Rule = Rule {
    id: "enum-value-used-early",
    group: Group::Transactions,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "a new value of an enum is used before it is committed",
    about: "ALTER TYPE … ADD VALUE may run in a transaction, but the value can't be used until that is \
            committed: the server says \"unsafe use of new value\". Greylag runs a file that does both \
            statement by statement, if nothing forbids it.",
    bad: include_str!("enum_value_used_early/bad.sql"),
    good: include_str!("enum_value_used_early/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Some(transaction) = scene.transaction() else {
        return Vec::new();
    };
    let earlier = scene.labels.iter().filter(|at| **at < scene.index);
    let added = earlier.filter_map(|at| match &scene.operations[*at] {
        Operation::Alter(Alter {
            change: Change::AddLabel { label, .. },
            ..
        }) if scene.transactions[*at] == Some(transaction) => Some(label),
        _ => None,
    });
    let text = scene.text();
    added
        .filter(|label| {
            text.contains(label.as_str()) && !matches!(scene.operation, Operation::Alter(_))
        })
        .map(|label| {
            Draft::new(
                scene.whole(),
                format!("{label} is used in the transaction that adds it"),
            )
            .why("The server refuses a new value of an enum until it is committed.")
            .instead("Move what uses it into the next file.")
        })
        .collect()
}
