//! Each shard gets other values.

use crate::{
    finding::Decided,
    operation::{Action, Bytes, Name, Operation, Verb, Write},
    settings::TableClass,
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};

pub(super) static DIFFERS_PER_SHARD: Rule = Rule {
    id: "differs-per-shard",
    group: Group::Shards,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "each shard gets other values",
    about: "A migration runs on each shard by itself, at another moment. now(), random(), UUIDs, the \
            database's name and whatever a sequence gives differ then. For rows that each shard has of its \
            own that may be meant; a reference table, which has the same rows everywhere, is no longer the \
            same. A column's DEFAULT speaks of new rows, and is told only where a statement takes it: ADD COLUMN \
            fills the rows that are there with it, and an INSERT those that it gives no value.",
    bad: include_str!("differs_per_shard/bad.sql"),
    good: include_str!("differs_per_shard/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let reference = |table: &Name| {
        let class = scene.settings.class(table.schema.as_deref(), &table.name);
        class == Some(TableClass::Reference)
    };
    match scene.operation {
        Operation::Write(write) => {
            let table = write.table.as_ref().filter(|table| reference(table));
            let Some(table) = table else {
                return Vec::new();
            };
            match differing(&write.calls) {
                Some(call) => told(
                    scene.whole(),
                    format!("{call} gives each shard other rows of {table}"),
                    table,
                ),
                None => left_to_default(scene, write, table),
            }
        }
        Operation::CreateTable(create) if reference(&create.name) && !create.temporary => {
            let query = create.query.as_ref();
            let call = query.and_then(|query| differing(&query.calls));
            call.map(|call| {
                let title = format!("{call} gives each shard other rows of {}", create.name);
                told(scene.whole(), title, &create.name)
            })
            .unwrap_or_default()
        }
        // Not of a table that this file makes: nobody has filled it but this file itself.
        Operation::AlterTable(_) => scene
            .actions()
            .filter(|(table, ..)| reference(table))
            .filter_map(|(table, action, span)| {
                let Action::AddColumn { column, .. } = action else {
                    return None;
                };
                let default = column.default.as_ref();
                let what = match default.and_then(|default| differing(&default.calls)) {
                    Some(call) => call.to_owned(),
                    None if column.numbers_itself() => "its number".to_owned(),
                    None => return None,
                };
                let title = format!(
                    "{what} fills {}, in the rows of {table}, with other values on each shard",
                    column.name
                );
                Some(told(span.clone(), title, table))
            })
            .flatten()
            .collect(),
        _ => Vec::new(),
    }
}

fn differing(calls: &[String]) -> Option<&str> {
    let mut calls = calls.iter().map(String::as_str);
    calls.find(|call| DIFFERING.contains(call))
}

/// An INSERT that leaves a column out whose default differs.
fn left_to_default(scene: &Scene<'_>, write: &Write, table: &Name) -> Vec<Draft> {
    let known = scene.known(table).map_or(&[][..], |known| &known.columns);
    if write.verb != Verb::Insert || write.columns.is_empty() {
        return Vec::new();
    }
    let left = known.iter().find_map(|column| {
        let call = differing(&column.default.as_ref()?.calls)?;
        // Rows that come in the same order get the same numbers, where nobody else has taken any.
        let given = write.columns.contains(&column.name) || call == "nextval";
        (!given).then_some((call, &column.name))
    });
    let Some((call, column)) = left else {
        return Vec::new();
    };
    let title =
        format!("{column} of {table} is left to {call}, which is another one on each shard");
    told(scene.whole(), title, table)
}

fn told(span: Bytes, title: String, table: &Name) -> Vec<Draft> {
    Draft::new(span, title)
        .decided(Decided::Config)
        .why(format!("{table} is to have the same rows on every shard."))
        .shards(
            "Shards run the file one after the other, each with a clock and a chance of its own.",
        )
        .instead("Write the values down, or fill one shard and copy its rows to the others.")
        .alone()
}

const DIFFERING: [&str; 40] = [
    "now",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtimestamp",
    "localtime",
    "clock_timestamp",
    "statement_timestamp",
    "transaction_timestamp",
    "random",
    "gen_random_uuid",
    "uuid_generate_v4",
    "uuid",
    "rand",
    "sysdate",
    "nextval",
    "current_database",
    "inet_server_addr",
    "unix_timestamp",
    "datetime",
    "randomblob",
    "uuidv7",
    "last_insert_id",
    "last_insert_rowid",
    "database",
    "timeofday",
    "uuidv4",
    "uuid_v4",
    "uuid_v7",
    "uuid_short",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "gen_random_bytes",
    "random_bytes",
    "sys_guid",
    "curdate",
    "curtime",
    "utc_timestamp",
    "utc_date",
    "inet_server_port",
];
