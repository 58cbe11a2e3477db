//! NOT NULL is checked for every row while nobody may read.

use super::super::{rewrite, words};
use crate::{
    effects::proves_not_null,
    fix::{Fix, Step},
    operation::{Action, Bytes, Name},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static SET_NOT_NULL_SCAN: Rule = Rule {
    id: "set-not-null-scan",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "NOT NULL is checked for every row while nobody may read",
    about: "SET NOT NULL reads the whole table under ACCESS EXCLUSIVE, unless a validated CHECK (c IS NOT \
            NULL) proves it. So: add that CHECK as NOT VALID, validate it in another transaction (reads and \
            writes go on), set NOT NULL, and drop the CHECK.",
    bad: include_str!("set_not_null_scan/bad.sql"),
    good: include_str!("set_not_null_scan/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    scene
        .actions()
        .filter_map(|(table, action, span)| match action {
            Action::SetNotNull { column } if !is_proven(scene, table, column) => Some((table, column, span)),
            _ => None,
        })
        .map(|(table, column, span)| {
            words::about(scene, table, span, format!("all of {table} is read to see that {column} is never null"))
                .why(words::why(scene, table, "Reads and writes wait until every row was looked at."))
                .shards("It fails on the one shard that has a null, after others have it.")
                .instead(format!(
                    "Add CHECK ({column} IS NOT NULL) NOT VALID, validate it in a file of its own, then SET NOT NULL."
                ))
                .fix(fix(scene, table, column, span))
        })
        .collect()
}

fn is_proven(scene: &Scene<'_>, table: &Name, column: &str) -> bool {
    scene
        .known(table)
        .is_some_and(|known| proves_not_null(known, column))
}

fn fix(scene: &Scene<'_>, table: &Name, column: &str, span: &Bytes) -> Option<Fix> {
    let name = words::named(&[&table.name, column, "not_null"]);
    let (table, plain) = (scene.sql(&table.span), name.clone());
    let (name, written) = (words::ident(&name), words::ident(column));
    let steps = vec![
        Step::here(format!(
            "ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({written} IS NOT NULL) NOT VALID;"
        )),
        Step::apart(
            format!("validate {plain}"),
            format!("ALTER TABLE {table} VALIDATE CONSTRAINT {name};"),
        ),
        Step::apart(
            format!("set {column} not null"),
            format!(
                "ALTER TABLE {table} ALTER COLUMN {written} SET NOT NULL;\nALTER TABLE {table} DROP CONSTRAINT {name};"
            ),
        ),
    ];
    rewrite::clause(
        scene,
        span,
        "prove it with a CHECK that is validated apart",
        steps,
    )
}
