//! Each shard gets other values.

use crate::{finding::Decided, operation::Operation, settings::TableClass};
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
            same. (A column's DEFAULT is another matter: it speaks of new rows.)",
    bad: include_str!("differs_per_shard/bad.sql"),
    good: include_str!("differs_per_shard/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Operation::Write(write) = scene.operation else {
        return Vec::new();
    };
    let Some(table) = &write.table else {
        return Vec::new();
    };
    let class = scene.settings.class(table.schema.as_deref(), &table.name);
    let relevant = class == Some(TableClass::Reference);
    let Some(call) = write
        .calls
        .iter()
        .find(|call| DIFFERING.contains(&call.as_str()))
        .filter(|_| relevant)
    else {
        return Vec::new();
    };
    Draft::new(
        scene.whole(),
        format!("{call} gives each shard other rows of {table}"),
    )
    .decided(Decided::Config)
    .why(format!("{table} is to have the same rows on every shard."))
    .shards("Shards run the file one after the other, each with a clock and a chance of its own.")
    .instead("Write the values down, or fill one shard and copy its rows to the others.")
    .alone()
}

const DIFFERING: [&str; 25] = [
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
];
