//! A CHECK is tried on every row while nobody may read.

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

pub(super) static ADD_CHECK_SCAN: Rule = Rule {
    id: "add-check-scan",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "a CHECK is tried on every row while nobody may read",
    about: "ADD CHECK reads the whole table under ACCESS EXCLUSIVE. With NOT VALID it only holds for new \
            rows, and takes no time; VALIDATE CONSTRAINT in another transaction reads the old ones while \
            reads and writes go on.",
    bad: include_str!("add_check_scan/bad.sql"),
    good: include_str!("add_check_scan/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (table, action, span) in scene.actions() {
        let fix = match action {
            Action::AddConstraint(constraint)
                if is_check(constraint) && constraint.enforced && !constraint.not_valid =>
            {
                fix(scene, table, constraint, span)
            }
            // A default is known to fit only by trying.
            Action::AddColumn { column, .. } if column.is_checked() && column.default.is_some() => {
                None
            }
            _ => continue,
        };
        let draft = words::about(
            scene,
            table,
            span,
            format!("all of {table} is read to try the new CHECK"),
        )
        .why(words::why(
            scene,
            table,
            "Reads and writes wait until every row was looked at.",
        ))
        .shards("It fails on the one shard that has a row against it.")
        .instead("Add it NOT VALID, and VALIDATE CONSTRAINT in a file of its own.")
        .fix(fix);
        drafts.push(draft);
    }
    drafts
}

fn is_check(constraint: &Constraint) -> bool {
    matches!(
        constraint.kind,
        ConstraintKind::Check { .. } | ConstraintKind::NotNull { .. }
    )
}

fn fix(scene: &Scene<'_>, table: &Name, constraint: &Constraint, span: &Bytes) -> Option<Fix> {
    if !matches!(constraint.kind, ConstraintKind::Check { .. }) {
        return None;
    }
    let target = scene.sql(&table.span);
    let sql = scene.sql(&constraint.span);
    let (name, add) = match &constraint.name {
        Some(name) => (name.clone(), sql.to_owned()),
        None => {
            let name = words::named(&[&table.name, "check"]);
            let add = format!("CONSTRAINT {} {sql}", words::ident(&name));
            (name, add)
        }
    };
    let steps = vec![
        Step::here(format!("ALTER TABLE {target} ADD {add} NOT VALID;")),
        Step::apart(
            format!("validate {name}"),
            format!(
                "ALTER TABLE {target} VALIDATE CONSTRAINT {};",
                words::ident(&name)
            ),
        ),
    ];
    rewrite::clause(scene, span, "add it NOT VALID, validate it apart", steps)
}
