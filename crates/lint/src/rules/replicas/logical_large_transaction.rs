//! One transaction goes to logical subscribers as a whole.

use super::published::published;
use crate::operation::{Operation, Verb};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static LOGICAL_LARGE_TRANSACTION: Rule = Rule {
    id: "logical-large-transaction",
    group: Group::Replicas,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "one transaction goes to logical subscribers as a whole",
    about: "A logical slot sends a transaction when it commits: a whole-table UPDATE is spilled to disk on \
            the primary, sent, and applied row by row, and nothing else arrives meanwhile. TRUNCATE is \
            replicated too, with CASCADE, if the publication says so; sequences and materialized views are \
            not.",
    bad: include_str!("logical_large_transaction/bad.sql"),
    good: include_str!("logical_large_transaction/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let (table, what) = match scene.operation {
        Operation::Write(write)
            if !write.batched && (write.condition.is_none() || write.always_true) =>
        {
            match write.verb {
                Verb::Update => (write.table.as_ref(), "updated"),
                Verb::Delete => (write.table.as_ref(), "deleted"),
                _ => return Vec::new(),
            }
        }
        Operation::Truncate(truncate) => (truncate.tables.first(), "deleted, there too,"),
        _ => return Vec::new(),
    };
    let Some(table) = table.filter(|table| !scene.is_new(table)) else {
        return Vec::new();
    };
    let Some((_, decided)) = published(scene, table) else {
        return Vec::new();
    };
    Draft::new(scene.whole(), format!("every row of {table} is {what} in one transaction that subscribers apply as a whole"))
        .decided(decided)
        .why("It is kept on the primary's disk until it commits, then sent, and all that commits after it waits behind it.")
        .replicas("Subscribers apply row by row: they lag for far longer than the primary worked.")
        .instead("Use a backfill with `:batch`.")
        .alone()
}
