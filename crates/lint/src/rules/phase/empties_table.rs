//! A table is emptied.

use super::super::words;
use crate::operation::{Action, Bytes, Name, Operation, Verb};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::engine::Dialect;

pub(super) static EMPTIES_TABLE: Rule = Rule {
    id: "empties-table",
    group: Group::Phase,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "a table is emptied",
    about: "TRUNCATE, also of partitions, a DELETE without a condition, or CREATE OR REPLACE TABLE takes all rows. No undo brings them back, and with \
            CASCADE it takes other tables' rows too. If that is meant, say so with `-- greylag:allow \
            empties-table because …`.",
    bad: include_str!("empties_table/bad.sql"),
    good: include_str!("empties_table/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if let Operation::AlterTable(_) = scene.operation {
        return scene
            .actions()
            .filter(|(_, action, _)| matches!(action, Action::Partition { work } if work.starts_with("TRUNCATE")))
            .map(|(table, _, span)| emptied(scene, table, span, format!("all rows of partitions of {table} are deleted")))
            .collect();
    }
    let (tables, cascade): (Vec<&Name>, bool) = match scene.operation {
        Operation::Truncate(truncate) => (truncate.tables.iter().collect(), truncate.cascade),
        Operation::CreateTable(create) if create.or_replace => {
            if scene.is_new(&create.name) || create.temporary {
                return Vec::new();
            }
            let table = &create.name;
            let title = format!("{table} is replaced, and all its rows are gone");
            let draft = emptied(scene, table, &table.span, title);
            // No migration made it: it may not be there at all.
            let known = scene.own_table(table).is_some();
            return match known {
                true => draft.alone(),
                false => draft.severity(Severity::Warning).alone(),
            };
        }
        Operation::Write(write)
            if (write.verb == Verb::Delete || write.merges.contains(&Verb::Delete))
                && (write.condition.is_none() || write.always_true)
                && !write.limit =>
        {
            // MySQL's joins; what stands in a WITH moves its rows.
            let beside = write
                .within
                .iter()
                .filter(|_| scene.dialect() == Dialect::Mysql);
            let beside = beside.filter_map(|other| other.table.as_ref());
            (write.table.iter().chain(beside).collect(), false)
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
        let title = format!("all rows of {table}{others} are deleted");
        emptied(scene, table, &table.span, title)
    })
    .collect()
}

fn emptied(scene: &Scene<'_>, table: &Name, span: &Bytes, title: String) -> Draft {
    words::about(scene, table, span, title)
        .severity(Severity::Error)
        .why("Nothing brings them back but a backup.")
        .instead("If that is meant, say so: `-- greylag:allow empties-table because …`.")
}
