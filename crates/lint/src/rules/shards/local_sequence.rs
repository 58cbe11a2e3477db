//! Each shard gives the same numbers.

use crate::{
    catalog::KnownColumn,
    finding::Decided,
    operation::{Action, Alter, Bytes, Change, Column, ConstraintKind, Kind, Name, Operation},
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
    about: "SERIAL, IDENTITY, AUTO_INCREMENT and a default from a sequence (nextval, NEXT VALUE FOR) count on \
            each shard by itself: two shards give the same id to different rows. Give each shard a range or a \
            step of its own outside of the migrations, which are the same for all (PostgreSQL: `ALTER SEQUENCE … INCREMENT BY 16 START WITH 3 \
            RESTART`; MySQL: `auto_increment_increment` and `auto_increment_offset`), use UUIDs, or make the shard key part of the primary key. \
            RESTART, setval and TRUNCATE RESTART IDENTITY take such an arrangement away.",
    bad: include_str!("local_sequence/bad.sql"),
    good: include_str!("local_sequence/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let sharded = |table: &Name| {
        scene.settings.class(table.schema.as_deref(), &table.name) == Some(TableClass::Sharded)
    };
    let own = match scene.dialect() {
        Dialect::Postgres => "`ALTER SEQUENCE … INCREMENT BY 16 START WITH 3 RESTART`",
        Dialect::Mysql => {
            "`auto_increment_increment` and `auto_increment_offset` in its configuration"
        }
        Dialect::Sqlite => "a first number in `sqlite_sequence`",
    };
    let told = |span: Bytes, title: String| {
        Draft::new(span, title)
            .decided(Decided::Config)
            .why("Two shards give the same number to different rows, which shows when rows meet: in a report, a cache, a move.")
            .shards("Each shard counts by itself, from the same beginning.")
            .instead(format!("Give each shard its own range or step, by hand on each ({own}), or use UUIDs."))
    };
    match scene.operation {
        Operation::CreateTable(create) if sharded(&create.name) && !create.temporary => {
            let keyed = is_keyed(scene, &create.name, create.primary_key());
            let columns = create.columns.iter();
            let numbering = columns.filter(|column| numbers(scene, column) && !keyed);
            numbering
                .map(|column| told(column.span.clone(), numbered(&create.name, &column.name)))
                .collect()
        }
        Operation::AlterTable(alter) if sharded(&alter.name) => {
            let known = scene.known(&alter.name);
            let keyed = is_keyed(
                scene,
                &alter.name,
                known.and_then(|known| known.primary_key.clone()),
            );
            let counted = |name: &str| {
                let column = known.and_then(|known| known.column(name));
                column.is_some_and(KnownColumn::is_numbered)
            };
            let there = |name: &str| known.is_some_and(|known| known.column(name).is_some());
            let actions = alter.actions.iter();
            let new = actions.filter_map(|(action, span)| match action {
                Action::AddColumn { column, .. } if column.is_numbered() => {
                    Some((span, numbered(&alter.name, &column.name)))
                }
                // MODIFY says all of a column again: what isn't known may be numbered already.
                Action::ModifyColumn { from, column, .. }
                    if column.is_numbered() && there(from) && !counted(from) =>
                {
                    Some((span, numbered(&alter.name, &column.name)))
                }
                Action::SetDefault { column, default } if default.counts() && !counted(column) => {
                    Some((span, numbered(&alter.name, column)))
                }
                Action::AddIdentity { column } => Some((span, numbered(&alter.name, column))),
                _ => None,
            });
            let new = new
                .filter(|_| !keyed)
                .map(|(span, title)| told(span.clone(), title));
            let actions = alter.actions.iter().filter(|_| !keyed);
            let anew = actions.filter(|(action, _)| {
                matches!(
                    action,
                    Action::AutoIncrement | Action::SetIdentity { restart: true, .. }
                )
            });
            let anew = anew.map(|(_, span)| {
                let title = format!("the numbers of {} begin anew on every shard", alter.name);
                told(span.clone(), title)
            });
            new.chain(anew).collect()
        }
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
            let keyed = |table: &Name| {
                let own = scene
                    .known(table)
                    .and_then(|known| known.primary_key.clone());
                is_keyed(scene, table, own)
            };
            let tables = truncate.tables.iter();
            tables
                .filter(|table| sharded(table) && !keyed(table))
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

fn numbered(table: &Name, column: &str) -> String {
    format!("{table}.{column} is numbered on each shard by itself")
}

/// Whether the shard key is part of the primary key: the table's own, or one that the file gives it later.
fn is_keyed(scene: &Scene<'_>, table: &Name, own: Option<Vec<String>>) -> bool {
    let key = scene
        .settings
        .shard_key(table.schema.as_deref(), &table.name)
        .unwrap_or_default();
    let later = scene.operations[scene.index..]
        .iter()
        .filter_map(|op| match op {
            Operation::AlterTable(alter) if alter.name.is(table) => Some(&alter.actions),
            _ => None,
        });
    let mut given = later.flatten().filter_map(|(action, _)| match action {
        Action::AddConstraint(constraint) => match &constraint.kind {
            ConstraintKind::PrimaryKey { columns, .. } => Some(columns.clone()),
            _ => None,
        },
        _ => None,
    });
    let primary = own.or_else(|| given.next()).unwrap_or_default();
    let has = |part: &String| primary.iter().any(|own| own.eq_ignore_ascii_case(part));
    !key.is_empty() && key.iter().all(has)
}

/// SQLite numbers an INTEGER PRIMARY KEY too.
fn numbers(scene: &Scene<'_>, column: &Column) -> bool {
    let rowid =
        scene.dialect() == Dialect::Sqlite && column.primary_key && column.data_type.name == "int";
    column.is_numbered() || rowid
}
