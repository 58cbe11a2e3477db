//! A new column writes the whole table anew.

use super::super::{rewrite, words};
use crate::{
    effects::{column_rewrites, domain_of},
    fix::{Fix, Step},
    operation::{Action, Bytes, Column, Name},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static ADD_COLUMN_REWRITING: Rule = Rule {
    id: "add-column-rewriting",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "a new column writes the whole table anew",
    about: "A volatile default (gen_random_uuid(), random(), clock_timestamp()), SERIAL, IDENTITY, a stored \
            generated column and a domain with a CHECK give each row a value of its own: the table and all \
            its indexes are written anew, and nobody may read it meanwhile. A constant default, or now(), \
            costs nothing.",
    bad: include_str!("add_column_rewriting/bad.sql"),
    good: include_str!("add_column_rewriting/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    scene
        .actions()
        .filter_map(|(table, action, span)| match action {
            Action::AddColumn { column, if_not_exists, .. } => {
                Some((table, (&**column, *if_not_exists), span, reason(scene, column)?))
            }
            _ => None,
        })
        .map(|(table, (column, if_not_exists), span, reason)| {
            let name = &column.name;
            words::about(scene, table, span, format!("adding {name} writes {table} and all its indexes anew"))
                .why(words::why(scene, table, &format!("{reason}; all reads and writes wait until it is done.")))
                .instead(format!(
                    "Add {name} without a default, set the default for new rows, and fill the old ones with a backfill."
                ))
                .fix(fix(scene, table, column, if_not_exists, span))
        })
        .collect()
}

fn reason(scene: &Scene<'_>, column: &Column) -> Option<String> {
    let domain = domain_of(&column.data_type, scene.catalog);
    let domain = domain.is_some_and(|domain| domain.constrained);
    if !column_rewrites(column, scene.catalog) {
        return None;
    }
    Some(if column.numbers_itself() {
        "Each row gets a number".to_owned()
    } else if column.generated.is_some() {
        "A stored generated column is worked out for each row".to_owned()
    } else if domain {
        format!(
            "The domain {} is checked for each row",
            column.data_type.name
        )
    } else {
        "The default differs from row to row".to_owned()
    })
}

/// Only a volatile default can be set afterwards.
fn fix(
    scene: &Scene<'_>,
    table: &Name,
    column: &Column,
    if_not_exists: bool,
    span: &Bytes,
) -> Option<Fix> {
    let default = column.default.as_ref()?;
    let special = column.numbers_itself() || column.generated.is_some() || column.not_null;
    if special
        || column.unique
        || column.primary_key
        || !column.checks.is_empty()
        || column.references.is_some()
    {
        return None;
    }
    // Anything else that the column says would be lost.
    let between = scene
        .sql(&(column.data_type.span.end..default.span.start))
        .trim();
    let whole = between.eq_ignore_ascii_case("DEFAULT") && column.span.end == default.span.end;
    if !whole || if_not_exists {
        return None;
    }
    let (table, name) = (
        scene.sql(&table.span),
        scene.sql(&(column.span.start..column.data_type.span.start)),
    );
    let sql = format!(
        "ALTER TABLE {table} ADD COLUMN {name}{};\nALTER TABLE {table} ALTER COLUMN {name}SET DEFAULT {};",
        scene.sql(&column.data_type.span),
        scene.sql(&default.span),
    );
    rewrite::clause(
        scene,
        span,
        "add the column first, its default afterwards",
        vec![Step::here(sql)],
    )
}
