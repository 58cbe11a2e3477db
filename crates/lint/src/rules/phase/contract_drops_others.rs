//! A contract drops what its change didn't replace.

use crate::operation::{Action, Bytes, Kind, Name, Operation};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use greylag_core::migration::Phase;

pub(super) static CONTRACT_DROPS_OTHERS: Rule = Rule {
    id: "contract-drops-others",
    group: Group::Phase,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "a contract drops what its change didn't replace",
    about: "A contract waits for its own change: for its expand everywhere, its backfill, its apps. What \
            another change is about has not been waited for. A contract may drop what an earlier migration \
            of the same change worked on.",
    bad: include_str!("contract_drops_others/bad.sql"),
    good: include_str!("contract_drops_others/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let Some(change) = scene.content.migration.directives.change.as_deref() else {
        return Vec::new();
    };
    if scene.phase() != Phase::Contract {
        return Vec::new();
    }
    let foreign = |table: &Name| scene.catalog.has_touched(change, table) == Some(false);
    let told = |span: &Bytes, what: String| {
        Draft::new(span.clone(), format!("{what} is dropped, and no expand of {change} was about it"))
            .why("The contract waits for its own change only: nobody has made sure that apps do without this.")
            .instead("Check the name of the change, or give this drop a change of its own.")
    };
    match scene.operation {
        Operation::AlterTable(_) => scene
            .actions()
            .filter_map(|(table, action, span)| match action {
                Action::DropColumn { column, .. } if foreign(table) => {
                    Some(told(span, format!("{table}.{column}")))
                }
                _ => None,
            })
            .collect(),
        Operation::Drop(drop) if drop.kind == Kind::Table => {
            // The table that takes a dropped one's place has another name: one of the change's tables is enough.
            let none = drop.names.iter().all(foreign) && !scene.catalog.has_touched_any(change);
            let names = drop.names.iter().filter(|_| none);
            names
                .map(|name| told(&name.span, name.to_string()))
                .collect()
        }
        _ => Vec::new(),
    }
}
