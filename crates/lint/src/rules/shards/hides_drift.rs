//! IF NOT EXISTS passes over what is there, whatever it is.

use crate::operation::{Action, Bytes, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};

pub(super) static HIDES_DRIFT: Rule = Rule {
    id: "hides-drift",
    group: Group::Shards,
    severity: Some(Severity::Note),
    dialects: ALL,
    title: "IF NOT EXISTS passes over what is there, whatever it is",
    about: "IF NOT EXISTS asks for the name alone. On a shard where somebody made something else of that \
            name by hand, the migration is applied, and the shard is different for ever: only who compares what \
            `information_schema.columns` (SQLite: `pragma_table_info`) says on each of them sees it. IF EXISTS hides the \
            same on a drop. Greylag runs each file once per shard: it needs neither, except where a \
            statement commits by itself and may be repeated.",
    bad: include_str!("hides_drift/bad.sql"),
    good: include_str!("hides_drift/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    // What commits by itself may be met half-done.
    if scene.transaction().is_none() || scene.content.migration.id.is_repeatable() {
        return Vec::new();
    }
    let told = |span: Bytes, what: String| {
        Draft::new(span, format!("{what} may be something else on some shard"))
            .why("Only the name is asked for: what somebody made by hand stays, and counts as migrated.")
            .shards("Shards that differ stay different, and nothing says so.")
            .instead("Leave it out: each file runs once per shard, and fails loudly where something is in its way.")
    };
    match scene.operation {
        Operation::CreateTable(create) if create.if_not_exists && !create.temporary => {
            told(create.name.span.clone(), create.name.to_string()).alone()
        }
        Operation::CreateIndex(create) if create.if_not_exists && !create.concurrently => {
            let name = create
                .name
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            told(scene.whole(), name).alone()
        }
        Operation::AlterTable(alter) => alter
            .actions
            .iter()
            .filter_map(|(action, span)| match action {
                Action::AddColumn {
                    column,
                    if_not_exists: true,
                    ..
                } => Some(told(
                    span.clone(),
                    format!("{}.{}", alter.name, column.name),
                )),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}
