//! Another type writes the whole table anew.

use super::super::words;
use crate::operation::Action;
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static CHANGE_TYPE_REWRITING: Rule = Rule {
    id: "change-type-rewriting",
    group: Group::Locks,
    severity: Some(Severity::Error),
    dialects: POSTGRES,
    title: "another type writes the whole table anew",
    about: "Most changes of a column's type write the table and its indexes anew while nobody may read. A \
            longer varchar, varchar to text, and a numeric with more digits before the point keep what is \
            stored, but an index with an expression or a WHERE is built anew, and a CHECK of the column is \
            tried on every row. Whether the old type allows that is known only where a migration made the column. \
            Otherwise: a new column, both written, a backfill, then the switch.",
    bad: include_str!("change_type_rewriting/bad.sql"),
    good: include_str!("change_type_rewriting/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let rewriting: Vec<_> = scene
        .taken()
        .into_iter()
        .filter(|t| {
            matches!(
                &*t.effect.id,
                "alter-type-rewriting"
                    | "alter-type-reindexing"
                    | "alter-type-rechecking"
                    | "set-expression"
            )
        })
        .collect();
    scene
        .actions()
        .filter(|(_, _, span)| rewriting.iter().any(|taken| taken.span == **span))
        .map(|(table, action, span)| {
            let (column, to) = match action {
                Action::AlterType { column, data_type, .. } => (column.as_str(), scene.sql(&data_type.span)),
                Action::SetExpression { column } => (column.as_str(), "another expression"),
                _ => ("", ""),
            };
            let known = scene.known(table).and_then(|known| known.column(column));
            let has = |id: &str| rewriting.iter().any(|taken| taken.span == *span && taken.effect.id == id);
            let does = if has("alter-type-rewriting") || has("set-expression") {
                format!("writes {table} and all its indexes anew")
            } else if has("alter-type-reindexing") {
                format!("writes indexes of {table}.{column} anew")
            } else {
                format!("reads all of {table}, to try its CHECK again")
            };
            let title = format!("changing {column} to {to} {does}");
            let mut draft = words::about(scene, table, span, title)
                .why(words::why(scene, table, "Reads and writes wait until it is done."))
                .instead(format!(
                    "Add a new column, write both, fill it with a backfill, switch reads, and drop {column} in the contract."
                ));
            if known.is_none() && draft.severity.is_none() {
                // The type it has may be one that keeps what is stored.
                draft = draft.severity(Severity::Warning);
            }
            draft
        })
        .collect()
}
