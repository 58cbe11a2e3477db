//! Each shard gives the same numbers.

use crate::{
    finding::Decided,
    operation::{Action, Alter, Bytes, Change, Column, Kind, Name, Operation},
    settings::TableClass,
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::engine::Dialect;

pub(super) static LOCAL_SEQUENCE: Rule = Rule {
    id: "local-sequence",
    group: Group::Shards,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "each shard gives the same numbers",
    about: "SERIAL, IDENTITY and AUTO_INCREMENT count on each shard by itself: two shards give the same id \
            to different rows. Give each shard a range or a step of its own (`greylag ids`), use UUIDs, or \
            make the shard key part of every key. RESTART, setval and TRUNCATE RESTART IDENTITY take such an \
            arrangement away.",
    bad: include_str!("local_sequence/bad.sql"),
    good: include_str!("local_sequence/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let sharded = |table: &Name| {
        scene.settings.class(table.schema.as_deref(), &table.name) == Some(TableClass::Sharded)
    };
    let told = |span: Bytes, title: String| {
        Draft::new(span, title)
            .decided(Decided::Config)
            .why("Two shards give the same number to different rows, which shows when rows meet: in a report, a cache, a move.")
            .shards("Each shard counts by itself, from the same beginning.")
            .instead("Give each shard its own range or step (`greylag ids`), or use UUIDs.")
    };
    match scene.operation {
        Operation::CreateTable(create) if sharded(&create.name) => {
            let key: &[String] = scene
                .settings
                .shard_key(create.name.schema.as_deref(), &create.name.name)
                .unwrap_or_default();
            let primary = create.primary_key().unwrap_or_default();
            let composite = !key.is_empty() && key.iter().all(|part| primary.contains(part));
            let numbering = create
                .columns
                .iter()
                .filter(|column| numbers(scene, column) && !composite);
            numbering
                .map(|column| {
                    told(
                        column.span.clone(),
                        format!(
                            "{}.{} is numbered on each shard by itself",
                            create.name, column.name
                        ),
                    )
                })
                .collect()
        }
        Operation::AlterTable(alter) if sharded(&alter.name) => alter
            .actions
            .iter()
            .filter_map(|(action, span)| match action {
                Action::AddColumn { column, .. } if column.numbers_itself() => Some(told(
                    span.clone(),
                    format!(
                        "{}.{} is numbered on each shard by itself",
                        alter.name, column.name
                    ),
                )),
                Action::AddIdentity { column } => Some(told(
                    span.clone(),
                    format!(
                        "{}.{column} is numbered on each shard by itself",
                        alter.name
                    ),
                )),
                Action::AutoIncrement | Action::SetIdentity { .. } => Some(told(
                    span.clone(),
                    format!("the numbers of {} begin anew on every shard", alter.name),
                )),
                _ => None,
            })
            .collect(),
        Operation::Alter(Alter {
            kind: Kind::Sequence,
            name,
            change: Change::Restart,
            ..
        }) if scene.settings.knows_shards() => {
            let name = name.as_ref().map(ToString::to_string).unwrap_or_default();
            told(
                scene.whole(),
                format!("{name} begins anew, at the same number on every shard"),
            )
            .alone()
        }
        Operation::Truncate(truncate) if truncate.restart_identity => {
            let tables = truncate.tables.iter().filter(|table| sharded(table));
            tables
                .map(|table| {
                    told(
                        table.span.clone(),
                        format!("the numbers of {table} begin anew on every shard"),
                    )
                })
                .collect()
        }
        Operation::Select(query)
            if scene.settings.knows_shards() && query.calls.iter().any(|call| call == "setval") =>
        {
            told(
                scene.whole(),
                "setval sets the same number on every shard".to_owned(),
            )
            .alone()
        }
        _ => Vec::new(),
    }
}

/// SQLite numbers an INTEGER PRIMARY KEY too.
fn numbers(scene: &Scene<'_>, column: &Column) -> bool {
    let rowid =
        scene.dialect() == Dialect::Sqlite && column.primary_key && column.data_type.name == "int";
    column.numbers_itself() || rowid
}
