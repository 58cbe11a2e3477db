//! A unique index is built while nobody may read.

use super::super::{rewrite, words};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};
use crate::{
    fix::{Fix, Step},
    operation::{Action, Bytes, Constraint, ConstraintKind, Name},
};

pub(super) static ADD_UNIQUE_BLOCKING: Rule = Rule {
    id: "add-unique-blocking",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "a unique index is built while nobody may read",
    about: "ADD UNIQUE and ADD PRIMARY KEY build their index under ACCESS EXCLUSIVE. Build the index \
            concurrently first, then add the constraint USING INDEX, which takes the same lock for a moment \
            only. An EXCLUDE constraint has no such way: it needs a new table.",
    bad: include_str!("add_unique_blocking/bad.sql"),
    good: include_str!("add_unique_blocking/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (table, action, span) in scene.actions() {
        let (what, fix) = match action {
            Action::AddConstraint(constraint) => match &constraint.kind {
                ConstraintKind::Unique {
                    using_index: None, ..
                } => ("UNIQUE", fix(scene, table, constraint, span)),
                ConstraintKind::PrimaryKey {
                    using_index: None, ..
                } => ("PRIMARY KEY", fix(scene, table, constraint, span)),
                ConstraintKind::Exclude { .. } => ("EXCLUDE", None),
                _ => continue,
            },
            Action::AddColumn { column, .. } if column.unique || column.primary_key => {
                ("UNIQUE", None)
            }
            _ => continue,
        };
        let instead = match what {
            "EXCLUDE" => {
                "There is no way to build it beside running traffic: make a new table with it, copy, and swap."
            }
            _ => {
                "Build the unique index concurrently in a file of its own, then add the constraint USING INDEX."
            }
        };
        let draft = words::about(
            scene,
            table,
            span,
            format!("the index of a new {what} is built while nobody may read {table}"),
        )
        .why(words::why(
            scene,
            table,
            "Reads and writes wait until the index is built.",
        ))
        .shards("It fails on the one shard that has a row twice.")
        .instead(instead)
        .fix(fix);
        drafts.push(draft);
    }
    drafts
}

fn fix(scene: &Scene<'_>, table: &Name, constraint: &Constraint, span: &Bytes) -> Option<Fix> {
    let target = scene.sql(&table.span);
    let sql = scene.sql(&constraint.span);
    let (kind, columns) = match &constraint.kind {
        ConstraintKind::PrimaryKey { columns, .. } => ("PRIMARY KEY", columns.clone()),
        ConstraintKind::Unique { columns, .. } => {
            ("UNIQUE", columns.iter().flatten().cloned().collect())
        }
        _ => return None,
    };
    let suffix = if kind == "UNIQUE" { "key" } else { "pkey" };
    let generated = words::named(&[&table.name, &columns.join("_"), suffix]);
    let name = constraint.name.clone().unwrap_or(generated);
    let open = sql.find('(')?;
    let close = open + sql[open..].find(')')?;
    let nulls = if sql.to_ascii_uppercase().contains("NULLS NOT DISTINCT") {
        " NULLS NOT DISTINCT"
    } else {
        ""
    };
    let keys = &sql[open..=close];
    let mut steps = vec![Step::outside(
        format!("index {name}"),
        format!("CREATE UNIQUE INDEX CONCURRENTLY {name} ON {target} {keys}{nulls};"),
    )];
    steps.push(Step::apart(
        format!("constraint {name}"),
        format!("ALTER TABLE {target} ADD CONSTRAINT {name} {kind} USING INDEX {name};"),
    ));
    rewrite::clause(
        scene,
        span,
        "build the index concurrently, then add the constraint with it",
        steps,
    )
}
