//! A column is dropped that a key, an index or a view still uses.

use crate::{catalog::Table, operation::Action};
use crate::{
    finding::Severity,
    judge::{Draft, Scene},
    rule::{ALL, Group, Look, Rule},
};
use std::cell::OnceCell;

pub(super) static DROP_COLUMN_IN_USE: Rule = Rule {
    id: "drop-column-in-use",
    group: Group::Phase,
    severity: Some(Severity::Warning),
    dialects: ALL,
    title: "a column is dropped that a key, an index or a view still uses",
    about: "PostgreSQL drops indexes and constraints along with the column, silently, and refuses if a view \
            or another table's foreign key uses it (with CASCADE it drops those as well); MySQL takes the column out of an index, which may make a unique index fail; SQLite \
            refuses. Drop what uses it first, on purpose.",
    bad: include_str!("drop_column_in_use/bad.sql"),
    good: include_str!("drop_column_in_use/good.sql"),
    look: Look::Statement(look),
};

fn look(scene: &Scene<'_>) -> Vec<Draft> {
    let mut drafts = Vec::new();
    // All clauses are about one table.
    let left = OnceCell::new();
    for (table, action, span) in scene.actions() {
        let (Action::DropColumn { column, .. }, Some(known)) = (action, scene.known(table)) else {
            continue;
        };
        let left = left.get_or_init(|| without(scene, known));
        let uses = uses(scene, left, column);
        if uses.is_empty() {
            continue;
        }
        drafts.push(
            Draft::new(span.clone(), format!("{table}.{column} is still used by {}", uses.join(", ")))
                .why("It goes with the column, or the server refuses: nothing in the migration says which is meant.")
                .instead("Drop what uses it first, in the order that apps can live with."),
        );
    }
    drafts
}

/// The table without what other clauses of the statement drop on purpose.
fn without(scene: &Scene<'_>, known: &Table) -> Table {
    let mut left = known.clone();
    for action in scene.clauses_of(&known.name) {
        match action {
            Action::DropConstraint { name, kind, .. } => {
                left.drop_constraint(scene.number, name, *kind)
            }
            Action::DropIndex { name } => left.drop_index(scene.number, name),
            _ => {}
        }
    }
    left
}

fn uses(scene: &Scene<'_>, table: &Table, column: &str) -> Vec<String> {
    let named = |columns: &[Option<String>]| columns.iter().flatten().any(|c| c == column);
    let indexes = table.indexes.iter().filter(|index| {
        let key = named(&index.columns) && (index.columns.len() > 1 || index.unique);
        key || index.mentions.iter().any(|own| own == column)
    });
    let indexes = indexes.map(|index| {
        format!(
            "the index {}",
            index.name.as_deref().unwrap_or("without a name")
        )
    });
    let keys = table
        .foreign_keys
        .iter()
        .filter(|key| key.columns.iter().any(|c| c == column));
    let keys = keys.map(|key| format!("the foreign key to {}", key.table));
    let primary = table
        .primary_key
        .iter()
        .filter(|key| key.iter().any(|c| c == column));
    let primary = primary.map(|_| "the primary key".to_owned());
    let uniques = table.uniques.iter().filter(|unique| named(&unique.columns));
    let uniques = uniques.map(|_| "a unique constraint".to_owned());
    let views = scene.catalog.views_over(&table.name).into_iter();
    let views = views
        .filter(|view| scene.catalog.view_has(view, column))
        .map(|view| format!("the view {view}"));
    let others = scene.catalog.referencing(&table.name).into_iter();
    let others = others
        .filter(|(_, key)| match key.refers.as_slice() {
            [] => table.is_in_primary_key(column),
            refers => refers.iter().any(|own| own == column),
        })
        .map(|(other, _)| format!("a foreign key of {}", other.name));
    let own = indexes.chain(keys).chain(primary).chain(uniques);
    own.chain(views).chain(others).collect()
}
