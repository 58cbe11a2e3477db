//! A foreign key is tried on every row while writes to both tables wait.

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

pub(super) static ADD_FOREIGN_KEY_SCAN: Rule = Rule {
    id: "add-foreign-key-scan",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "a foreign key is tried on every row while writes to both tables wait",
    about: "ADD FOREIGN KEY reads the whole table while writes to it, and to the table it references, wait. \
            With NOT VALID it only holds for new rows; VALIDATE CONSTRAINT in another transaction reads the \
            old ones while writes go on. ALTER CONSTRAINT … ENFORCED (PostgreSQL 18) reads it under ACCESS EXCLUSIVE.",
    bad: include_str!("add_foreign_key_scan/bad.sql"),
    good: include_str!("add_foreign_key_scan/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (table, action, span) in scene.actions() {
        let (reference, fix) = match action {
            Action::AddConstraint(constraint) => match &constraint.kind {
                ConstraintKind::ForeignKey { columns, reference }
                    if constraint.enforced && !constraint.not_valid =>
                {
                    (reference, fix(scene, table, constraint, columns, span))
                }
                _ => continue,
            },
            // Without a default every row is null, and nothing has to be looked up.
            Action::AddColumn { column, .. } => match (&column.references, &column.default) {
                (Some(reference), Some(default)) if reference.enforced && !default.is_null => {
                    (reference, None)
                }
                _ => continue,
            },
            Action::AlterConstraint {
                name,
                enforced: Some(true),
            } => {
                drafts.extend(enforced(scene, table, name, span));
                continue;
            }
            _ => continue,
        };
        let other = &reference.table;
        let draft = words::about(
            scene,
            table,
            span,
            format!("writes to {table} and {other} wait while all of {table} is read"),
        )
        .why(words::why(
            scene,
            table,
            "Each row is looked up in the other table before writes may go on.",
        ))
        .replicas("Replicas take no lock for it.")
        .instead(match is_partitioned(scene, table) {
            true => "Add it to each partition NOT VALID, VALIDATE CONSTRAINT there, each in a file of its own; then add it to the partitioned table, which takes those for its own. PostgreSQL 18 takes it NOT VALID at once.",
            false => "Add it NOT VALID, and VALIDATE CONSTRAINT in a file of its own.",
        })
        .fix(fix);
        drafts.push(draft);
    }
    drafts
}

/// ALTER CONSTRAINT … ENFORCED looks up every row.
fn enforced(scene: &Scene<'_>, table: &Name, name: &str, span: &Bytes) -> Option<Draft> {
    let key = scene.known(table).and_then(|known| known.foreign_key(name));
    if key.is_some_and(|key| key.enforced) {
        return None;
    }
    let what = format!(
        "{table} can be neither read nor written while all of it is read to enforce {name}"
    );
    let draft = words::about(scene, table, span, what)
        .why(words::why(scene, table, "Each row is looked up in the other table first."))
        .instead("Drop the constraint, add it again NOT VALID, and VALIDATE CONSTRAINT in a file of its own.");
    Some(draft)
}

fn is_partitioned(scene: &Scene<'_>, table: &Name) -> bool {
    scene.known(table).is_some_and(|known| known.partitioned)
}

fn fix(
    scene: &Scene<'_>,
    table: &Name,
    constraint: &Constraint,
    columns: &[String],
    span: &Bytes,
) -> Option<Fix> {
    // Before PostgreSQL 18 a partitioned table takes no foreign key that is NOT VALID.
    if is_partitioned(scene, table) {
        return None;
    }
    let target = scene.sql(&table.span);
    let sql = scene.sql(&constraint.span);
    let (name, add) = match &constraint.name {
        Some(name) => (name.clone(), sql.to_owned()),
        None => {
            let name = words::named(&[&table.name, &columns.join("_"), "fkey"]);
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
