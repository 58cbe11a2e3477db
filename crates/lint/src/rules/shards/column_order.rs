//! The order of columns differs between shards.

use crate::operation::{Bytes, Kind, Operation, Verb};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};

pub(super) static COLUMN_ORDER: Rule = Rule {
    id: "column-order",
    group: Group::Shards,
    severity: Some(Severity::Note),
    dialects: ALL,
    title: "the order of columns differs between shards",
    about: "Shards that were made at different times, or had a column dropped and added, have their columns \
            in another order. SELECT *, INSERT without a column list and COPY without one go by that order, \
            and put values into the wrong columns without an error.",
    bad: include_str!("column_order/bad.sql"),
    good: include_str!("column_order/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let told = |span: Bytes, what: &str| {
        Draft::new(span, format!("{what} goes by the order of columns"))
            .why("Where the order is another one, values end up in the wrong columns, or the statement fails.")
            .shards("A shard that was made later, or restored, may have another order.")
            .instead("Name the columns.")
    };
    match scene.operation {
        Operation::Write(write) => {
            let Some(table) = write.table.as_ref().filter(|table| !scene.is_new(table)) else {
                return Vec::new();
            };
            let listed = !write.columns.is_empty();
            match write.verb {
                Verb::Insert if !listed && !starts_set(scene) => told(
                    scene.whole(),
                    &format!("INSERT INTO {table} without a column list"),
                )
                .alone(),
                Verb::Copy if !listed => told(
                    scene.whole(),
                    &format!("COPY {table} without a column list"),
                )
                .alone(),
                _ => Vec::new(),
            }
        }
        Operation::Create(create) if matches!(create.kind, Kind::View | Kind::MaterializedView) => {
            let text = scene.text().to_ascii_uppercase();
            let star = text.contains("SELECT *") || text.contains("SELECT DISTINCT *");
            if star {
                told(scene.whole(), "the view's SELECT *").alone()
            } else {
                Vec::new()
            }
        }
        _ => Vec::new(),
    }
}

/// MySQL: INSERT INTO t SET a = 1 names its columns.
fn starts_set(scene: &Scene<'_>) -> bool {
    let text = scene.text().to_ascii_uppercase();
    text.contains(" SET ") && !text.contains("VALUES") && !text.contains("SELECT")
        || text.contains("DEFAULT VALUES")
}
