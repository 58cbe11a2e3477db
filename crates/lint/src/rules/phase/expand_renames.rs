//! A rename takes the old name away at once.

use crate::operation::{Action, Bytes, Change, Kind, Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};

pub(super) static EXPAND_RENAMES: Rule = Rule {
    id: "expand-renames",
    group: Group::Phase,
    severity: Some(Severity::Error),
    dialects: ALL,
    title: "a rename takes the old name away at once",
    about: "There is no moment at which old and new app can both run: the one knows the old name, the other \
            the new one, and shards change one after the other. Add the new thing, write both, fill it, \
            switch reads, and drop the old one in the contract. That holds for every phase.",
    bad: include_str!("expand_renames/bad.sql"),
    good: include_str!("expand_renames/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let told = |span: &Bytes, from: String, to: &str| {
        Draft::new(span.clone(), format!("{from} is renamed to {to} at once"))
            .why("Apps that know the old name fail from here on, those that know the new one have failed until now.")
            .shards("Shards change one after the other, so no version of an app fits all of them.")
            .instead("Add the new one beside it, write both, fill it with a backfill, switch reads, drop the old one in the contract.")
    };
    // A table that is built anew and takes the place of the old one is none.
    let swapped = |to: &Name| {
        scene.operations[..scene.index].iter().any(|op| match op {
            Operation::Drop(drop) => drop.names.iter().any(|name| name.is(to)),
            Operation::AlterTable(alter) => alter.name.is(to),
            _ => false,
        })
    };
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .filter_map(|(table, action, span)| match action {
                Action::RenameColumn { from, to } => {
                    Some(told(span, format!("{table}.{from}"), to))
                }
                Action::ModifyColumn { from, column, .. } if *from != column.name => {
                    Some(told(span, format!("{table}.{from}"), &column.name))
                }
                Action::RenameTo(to) if !swapped(to) => {
                    Some(told(span, table.to_string(), &to.name))
                }
                Action::SetSchema => Some(told(span, table.to_string(), "another schema")),
                _ => None,
            })
            .collect(),
        Operation::Alter(alter)
            if matches!(
                alter.kind,
                Kind::View
                    | Kind::MaterializedView
                    | Kind::Type
                    | Kind::Schema
                    | Kind::Function
                    | Kind::Sequence
                    | Kind::Domain
            ) =>
        {
            let name = alter
                .name
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            match &alter.change {
                Change::RenameTo(to) => vec![told(&scene.whole(), name, to)],
                Change::RenamePart { from, to } => {
                    vec![told(&scene.whole(), format!("{from} of {name}"), to)]
                }
                Change::SetSchema => vec![told(&scene.whole(), name, "another schema")],
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}
