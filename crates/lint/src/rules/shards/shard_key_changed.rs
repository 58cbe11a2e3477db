//! The shard key changes under its rows.

use crate::{
    finding::Decided,
    operation::{Action, Bytes, Name, Operation, Verb},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};

pub(super) static SHARD_KEY_CHANGED: Rule = Rule {
    id: "shard-key-changed",
    group: Group::Shards,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "the shard key changes under its rows",
    about: "What decides on which shard a row is must not change while rows lie where the old value put \
            them. Another type hashes differently, another collation compares differently, an UPDATE leaves \
            the row on the wrong shard, and without the column nobody finds it.",
    bad: include_str!("shard_key_changed/bad.sql"),
    good: include_str!("shard_key_changed/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let keys = |table: &Name| {
        scene
            .settings
            .shard_key(table.schema.as_deref(), &table.name)
            .unwrap_or_default()
    };
    let told = |span: &Bytes, table: &Name, column: &str, what: &str| {
        Draft::new(
            span.clone(),
            format!("the shard key {table}.{column} {what}"),
        )
        .decided(Decided::Config)
        .why(
            "Rows lie where its old value put them: routing by the new one looks on another shard.",
        )
        .shards("Each shard changes by itself, and rows are not moved.")
        .instead("Make a new column, route by both, move the rows, then switch.")
    };
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .filter_map(|(table, action, span)| {
                let (column, what) = match action {
                    Action::DropColumn { column, .. } => (column, "is dropped"),
                    Action::RenameColumn { from, .. } => (from, "is renamed"),
                    Action::AlterType { column, .. } => (column, "gets another type"),
                    Action::ModifyColumn { from, .. } => (from, "is defined anew"),
                    Action::SetDefault { column, .. } => {
                        (column, "gets a default, the same on every shard")
                    }
                    Action::DropNotNull { column } => {
                        (column, "may be null, and null is on no shard")
                    }
                    _ => return None,
                };
                keys(table)
                    .contains(column)
                    .then(|| told(span, table, column, what))
            })
            .collect(),
        Operation::Write(whole) => {
            let writes = whole.all().filter(|write| write.verb == Verb::Update);
            let set = writes.filter_map(|write| {
                let table = write.table.as_ref()?;
                let own = keys(table);
                let mut sets = write.sets.iter();
                let column = sets.find(|column| own.contains(column))?;
                Some(told(&scene.whole(), table, column, "is set anew"))
            });
            set.collect()
        }
        _ => Vec::new(),
    }
}
