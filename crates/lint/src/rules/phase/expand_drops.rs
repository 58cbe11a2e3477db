//! An expand drops something that is in use.

use crate::operation::{Action, Bytes, Change, Drop, Kind, Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::migration::Phase;

pub(super) static EXPAND_DROPS: Rule = Rule {
    id: "expand-drops",
    group: Group::Phase,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "an expand drops something that is in use",
    about: "In the expand phase the old version of the application still runs. What it reads and writes must \
            stay: drops belong into a contract of the same change, which runs only when every shard and \
            replica is through and no old app is left. That holds for tables, columns, defaults, identities, views, \
            functions, triggers, policies and whatever else can be dropped; what the file makes anew, by its \
            name or on the same table, is replaced.",
    bad: include_str!("expand_drops/bad.sql"),
    good: include_str!("expand_drops/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    if scene.phase() != Phase::Expand {
        return Vec::new();
    }
    let told = |span: &Bytes, what: String| {
        Draft::new(span.clone(), format!("{what} is dropped while the old app may use it"))
            .why("Apps that were built before this migration still run, on every shard that has it.")
            .shards("Shards get it one after the other: for a while some have it and some don't.")
            .instead("Move it into a file with `-- greylag:phase contract` and the `-- greylag:change` that it belongs to.")
    };
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .filter_map(|(table, action, span)| match action {
                Action::DropColumn { column, .. } => Some(told(span, format!("{table}.{column}"))),
                Action::DropDefault { column } => {
                    Some(told(span, format!("the default of {table}.{column}")))
                }
                Action::Partition { work } if work.starts_with("DROP") => {
                    Some(told(span, format!("a partition of {table}")))
                }
                Action::DetachPartition { partition, .. } => {
                    Some(told(span, format!("{partition}")))
                }
                // Whoever inserts without the column, or reads it, has it from there.
                Action::DropIdentity { column } => {
                    Some(told(span, format!("the identity of {table}.{column}")))
                }
                Action::DropExpression { column } => {
                    Some(told(span, format!("the expression of {table}.{column}")))
                }
                Action::NoInherit { parent } => {
                    Some(told(span, format!("{table} as a part of {parent}")))
                }
                _ => None,
            })
            .collect(),
        Operation::CreateTable(create)
            if create.or_replace && scene.known(&create.name).is_some() =>
        {
            let table = Some(&create.name).filter(|name| !scene.is_new(name) && !create.temporary);
            let table = table.into_iter();
            table
                .map(|name| told(&name.span, name.to_string()))
                .collect()
        }
        Operation::Create(create) if create.or_replace && create.kind == Kind::Database => {
            let name = create.name.iter();
            name.map(|name| told(&name.span, name.to_string()))
                .collect()
        }
        Operation::Alter(alter) if alter.kind == Kind::Domain => match (&alter.name, &alter.change)
        {
            (Some(name), Change::Other(text)) if text == "DROP DEFAULT" => {
                told(&scene.whole(), format!("the default of {name}")).alone()
            }
            _ => Vec::new(),
        },
        Operation::Drop(drop) if drop.kind == Kind::Other => {
            let rest = scene.text().to_ascii_uppercase();
            let harmless = rest.starts_with("DROP STATISTICS");
            let told = (!harmless).then(|| told(&scene.whole(), "this".to_owned()));
            told.into_iter().collect()
        }
        Operation::Drop(drop) if counts(drop.kind) => {
            if drop.on.as_ref().is_some_and(|on| scene.is_new(on)) {
                return Vec::new();
            }
            let gone = drop.names.iter().filter(|name| {
                !scene.is_new(name) && !is_replaced(scene, drop, name) && !scene.is_made_here(name)
            });
            gone.map(|name| told(&name.span, name.to_string()))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// What else can be dropped is a server's own, or a publication's, which have rules of their own.
fn counts(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Publication | Kind::Subscription | Kind::EventTrigger | Kind::Event | Kind::Other
    )
}

/// What this file makes anew is replaced, not dropped: by its name, and a trigger, policy or rule by another of the same table.
fn is_replaced(scene: &Scene<'_>, drop: &Drop, name: &Name) -> bool {
    let later = scene.operations[scene.index..].iter();
    let mut all = scene.operations.iter();
    let beside = |operation: &Operation| match (operation, &drop.on) {
        (Operation::Create(create), Some(on)) => {
            create.kind == drop.kind && create.on.as_ref().is_some_and(|other| other.is(on))
        }
        _ => false,
    };
    later.into_iter().any(|operation| makes(operation, name)) || all.any(beside)
}

fn makes(operation: &Operation, name: &Name) -> bool {
    match operation {
        Operation::Create(create) => create.name.as_ref().is_some_and(|made| made.is(name)),
        Operation::CreateTable(create) => create.name.is(name),
        Operation::AlterTable(alter) => alter
            .actions
            .iter()
            .any(|(action, _)| matches!(action, Action::RenameTo(to) if to.is(name))),
        _ => false,
    }
}
