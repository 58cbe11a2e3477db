//! A primary key reads every row, because its column may be null.

use super::super::words;
use crate::{
    effects::proves_not_null,
    operation::{Action, ConstraintKind},
};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, POSTGRES, Rule},
};

pub(super) static PRIMARY_KEY_SCANS_FOR_NULLS: Rule = Rule {
    id: "primary-key-scans-for-nulls",
    group: Group::Locks,
    severity: Some(Severity::Warning),
    dialects: POSTGRES,
    title: "a primary key reads every row, because its column may be null",
    about: "ADD PRIMARY KEY USING INDEX sets NOT NULL on columns that are not so yet, which reads the whole \
            table under ACCESS EXCLUSIVE. Make the column NOT NULL first, by way of a validated CHECK. It speaks \
            unless a migration says that the column is NOT NULL.",
    bad: include_str!("primary_key_scans_for_nulls/bad.sql"),
    good: include_str!("primary_key_scans_for_nulls/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    scene
        .actions()
        .filter_map(|(table, action, span)| {
            let Action::AddConstraint(constraint) = action else { return None };
            let ConstraintKind::PrimaryKey { using_index: Some(index), .. } = &constraint.kind else { return None };
            let known = scene.known(table);
            let proven = |column: &&String| known.is_some_and(|known| proves_not_null(known, column));
            let open = match scene.catalog.index(index) {
                Some((_, index)) => index.columns.iter().flatten().find(|column| !proven(column))?,
                // No migration made it: nor is known which columns it has.
                None => &format!("a column of {index}"),
            };
            let instead = match scene.catalog.index(index) {
                Some(_) => format!("CHECK ({open} IS NOT NULL)"),
                None => "a CHECK (c IS NOT NULL) for each of its columns that may be null".to_owned(),
            };
            let draft = words::about(scene, table, span, format!("all of {table} is read, because {open} may be null"))
                .why(words::why(scene, table, "The index is there, but its column has to be proven not null first; reads and writes wait."))
                .instead(format!("Add {instead} NOT VALID, validate it in a file of its own, SET NOT NULL, then add the key."));
            Some(draft)
        })
        .collect()
}
