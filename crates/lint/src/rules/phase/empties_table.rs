//! A table is emptied.

use super::super::words;
use crate::operation::{Name, Operation, Verb};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};

pub(super) static EMPTIES_TABLE: Rule = Rule {
    id: "empties-table",
    group: Group::Phase,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "a table is emptied",
    about: "TRUNCATE, or a DELETE without a condition, takes all rows. No undo brings them back, and with \
            CASCADE it takes other tables' rows too. If that is meant, say so with `-- greylag:allow \
            empties-table because …`.",
    bad: include_str!("empties_table/bad.sql"),
    good: include_str!("empties_table/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let (tables, cascade): (Vec<&Name>, bool) = match scene.operation {
        Operation::Truncate(truncate) => (truncate.tables.iter().collect(), truncate.cascade),
        Operation::Write(write)
            if write.verb == Verb::Delete
                && (write.condition.is_none() || write.always_true)
                && !write.limit =>
        {
            (write.table.iter().collect(), false)
        }
        _ => return Vec::new(),
    };
    let mut old = tables
        .into_iter()
        .filter(|table| !scene.is_new(table))
        .peekable();
    if old.peek().is_none() {
        return Vec::new();
    }
    old.map(|table| {
        let others = if cascade {
            ", and those that reference it"
        } else {
            ""
        };
        words::about(
            scene,
            table,
            &table.span,
            format!("all rows of {table}{others} are deleted"),
        )
        .severity(Severity::Error)
        .why("Nothing brings them back but a backup.")
        .instead("If that is meant, say so: `-- greylag:allow empties-table because …`.")
    })
    .collect()
}
