//! A column's REFERENCES is ignored.

use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{Group, Look, MYSQL, Rule},
};
use crate::{
    operation::{Action, Column, Operation},
    version::ServerVersion,
};
use greylag_core::engine::Engine;

pub(super) static INLINE_REFERENCE_IGNORED: Rule = Rule {
    id: "inline-reference-ignored",
    group: Group::Locks,
    severity: Some(Severity::Warning),
    dialects: MYSQL,
    title: "a column's own REFERENCES is ignored",
    about: "MySQL before 9.0 reads REFERENCES behind a column, and makes no foreign key of it; later versions do, as \
            MariaDB does. A fleet of both has the constraint on some shards. FOREIGN KEY (…) REFERENCES … apart from \
            the column means the same everywhere.",
    bad: include_str!("inline_reference_ignored/bad.sql"),
    good: include_str!("inline_reference_ignored/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let nine = ServerVersion::new(9, 0, 0);
    let new = scene
        .versions()
        .is_some_and(|(known, _)| known.oldest >= nine);
    if scene.unit.engine != Engine::Mysql || new {
        return Vec::new();
    }
    let columns: Vec<&Column> = match scene.operation {
        Operation::CreateTable(create) => create.columns.iter().collect(),
        Operation::AlterTable(alter) => alter
            .actions
            .iter()
            .filter_map(|(action, _)| match action {
                Action::AddColumn { column, .. } | Action::ModifyColumn { column, .. } => {
                    Some(&**column)
                }
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    let with = columns
        .into_iter()
        .filter_map(|column| Some((column, column.references.as_ref()?)));
    with.map(|(column, reference)| {
        Draft::new(
            column.span.clone(),
            format!(
                "the reference of {} to {} is no foreign key before MySQL 9.0",
                column.name, reference.table
            ),
        )
        .why("The server takes it without a word, and checks nothing.")
        .shards("Shards on 9.0 and later have the constraint, older ones don't.")
        .instead("Write FOREIGN KEY (…) REFERENCES …, apart from the column.")
    })
    .collect()
}
