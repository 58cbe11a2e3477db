//! Fixes that several rules share.

use crate::{
    fix::{Fix, Step},
    judge::Scene,
    operation::{Bytes, Operation},
};

/// Steps in place of the whole statement.
pub(super) fn statement(scene: &Scene<'_>, title: &str, steps: Vec<Step>) -> Option<Fix> {
    Some(Fix {
        title: title.to_owned(),
        statement: scene.index,
        steps,
    })
}

/// Steps in place of one clause of an ALTER TABLE; the other clauses stay, before them.
pub(super) fn clause(
    scene: &Scene<'_>,
    span: &Bytes,
    title: &str,
    steps: Vec<Step>,
) -> Option<Fix> {
    let Operation::AlterTable(alter) = scene.operation else {
        return None;
    };
    // IF EXISTS would be lost, and ONLY where there is something that inherits.
    let alone = || {
        let known = scene.known(&alter.name);
        known.is_some_and(|table| !table.partitioned) && scene.catalog.heirs(&alter.name).is_empty()
    };
    if alter.if_exists || alter.only && !alone() {
        return None;
    }
    let others: Vec<&str> = alter
        .actions
        .iter()
        .filter(|(_, other)| other != span)
        .map(|(_, other)| scene.sql(other))
        .collect();
    let mut all = Vec::new();
    if !others.is_empty() {
        let table = scene.sql(&alter.name.span);
        all.push(Step::here(format!(
            "ALTER TABLE {table}\n    {};",
            others.join(",\n    ")
        )));
    }
    all.extend(steps);
    statement(scene, title, all)
}
