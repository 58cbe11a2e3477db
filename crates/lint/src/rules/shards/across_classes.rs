//! Rows of differently sharded tables are brought together.

use super::super::reach;
use crate::{
    finding::Decided,
    operation::{Kind, Name, Operation},
    settings::TableClass,
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};

pub(super) static ACROSS_CLASSES: Rule = Rule {
    id: "across-classes",
    group: Group::Shards,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "rows of differently sharded tables are brought together",
    about: "A statement or view that reads one class of table and writes or joins another sees only this \
            shard's part: a global table is empty on most shards, and filling a reference table from a \
            sharded one gives each shard other rows. PREPARE TRANSACTION across shards leaves locks behind \
            when its coordinator is lost.",
    bad: include_str!("across_classes/bad.sql"),
    good: include_str!("across_classes/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if scene
        .text()
        .to_ascii_uppercase()
        .starts_with("PREPARE TRANSACTION")
        || scene.text().to_ascii_uppercase().starts_with("XA PREPARE")
    {
        return Draft::new(scene.whole(), "a prepared transaction outlives its session")
            .why("Its locks stay until somebody commits it, on each shard apart, even after a restart.")
            .instead("Leave it out: Greylag commits each shard by itself, and knows which ones have it.")
            .alone();
    }
    let told: Vec<Draft> = match scene.operation {
        Operation::Write(write) => {
            let told = reach::writes(scene, write);
            told.filter_map(|write| across(scene, write.table.as_ref(), &write.reads))
                .collect()
        }
        Operation::Create(create) if matches!(create.kind, Kind::View | Kind::MaterializedView) => {
            across(scene, None, &create.reads).into_iter().collect()
        }
        _ => Vec::new(),
    };
    told.into_iter().take(1).collect()
}

fn across(scene: &Scene<'_>, target: Option<&Name>, reads: &[Name]) -> Option<Draft> {
    let class = |table: &Name| scene.settings.class(table.schema.as_deref(), &table.name);
    let mut known: Vec<(&Name, TableClass)> = reads
        .iter()
        .filter_map(|table| Some((table, class(table)?)))
        .collect();
    let problem = match target.and_then(|table| Some((table, class(table)?))) {
        Some((table, TableClass::Reference)) => known
            .iter()
            .find(|(_, class)| *class == TableClass::Sharded)
            .map(|(other, _)| format!("{table} is filled from this shard's part of {other}")),
        Some((table, TableClass::Sharded)) => known
            .iter()
            .find(|(_, class)| *class == TableClass::Global)
            .map(|(other, _)| {
                format!("{table} is filled from {other}, which is on one shard only")
            }),
        Some((table, TableClass::Global)) => known
            .iter()
            .find(|(_, class)| *class == TableClass::Sharded)
            .map(|(other, _)| format!("{table} sees only one shard's part of {other}")),
        None => {
            known.sort_by_key(|(_, class)| *class == TableClass::Global);
            match (known.first(), known.last()) {
                (Some((a, TableClass::Sharded)), Some((b, TableClass::Global))) => Some(format!(
                    "{a} and {b} are never on one shard together but once"
                )),
                _ => None,
            }
        }
    };
    let draft = Draft::new(scene.whole(), problem?)
        .decided(Decided::Config)
        .why("The statement runs on each shard and sees nothing of the others.")
        .shards("Each shard gets another result; on most of them it is empty.")
        .instead("Gather the rows outside, and write what belongs where.");
    Some(draft)
}
