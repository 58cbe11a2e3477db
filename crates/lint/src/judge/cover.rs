//! What could not be judged.

use super::File;
use crate::{
    catalog::Catalog,
    effects::stranger,
    finding::Place,
    operation::{Action, Alter, Change, Kind, Operation, Write},
    report::{Coverage, Unjudged},
};
use greylag_core::engine::Dialect;

/// Counts a file's statements, and tells those that weren't understood. `catalog` is as the file leaves it.
pub(super) fn count(file: &File<'_>, catalog: &Catalog, coverage: &mut Coverage) {
    coverage.files += 1;
    for (index, operation) in file.operations.iter().enumerate() {
        coverage.statements += 1;
        match unjudged(file.dialect(), operation, catalog) {
            None => coverage.judged += 1,
            Some(why) => {
                let script = &file.content.script;
                let start = script.statements[index].span.start;
                coverage.unjudged.push(Unjudged {
                    script: file.unit.script.clone(),
                    statement: Some(index),
                    start: Place::from(script.position(start)),
                    excerpt: excerpt(&script.text[start..]),
                    why,
                });
            }
        }
    }
}

/// Why a statement can't be judged, if it can't.
pub(crate) fn unjudged(
    dialect: Dialect,
    operation: &Operation,
    catalog: &Catalog,
) -> Option<String> {
    match operation {
        Operation::Select(query) => called(dialect, query, catalog),
        Operation::Write(write) => {
            let writes = std::iter::once(write).chain(&write.within);
            writes
                .filter_map(|write| called(dialect, write, catalog))
                .next()
        }
        Operation::CreateTable(create) => {
            let query = create.query.as_ref()?;
            called(dialect, query, catalog)
        }
        Operation::Alter(alter) if !is_harmless(alter) => {
            Some("what this does to the tables that have it isn't known".to_owned())
        }
        Operation::Opaque { what } => Some(format!("it runs {what}, which is not looked into")),
        Operation::Unknown { why } => Some(why.clone()),
        Operation::Drop(drop) if drop.cascade && reaches_further(drop.kind) => {
            Some("CASCADE also drops what depends on it, which isn't looked into".to_owned())
        }
        Operation::AlterTable(alter) => alter.actions.iter().find_map(|(action, _)| match action {
            Action::Unknown { text } => {
                let text: String = text.chars().take(60).collect();
                Some(format!("the clause `{text}` isn't understood"))
            }
            _ => None,
        }),
        _ => None,
    }
}

/// A function that isn't the server's own, or works on the server, may do anything.
fn called(dialect: Dialect, query: &Write, catalog: &Catalog) -> Option<String> {
    let call = stranger(dialect, &query.calls, &query.qualified, catalog)?;
    Some(format!("it calls {call}(), which is not looked into"))
}

/// Whether an ALTER of something else than a table is known to lock and read no table for long.
fn is_harmless(alter: &Alter) -> bool {
    let text = match &alter.change {
        Change::Other(text) => text.as_str(),
        // Every column of the domain is read.
        Change::AddConstraint { not_valid } => return alter.kind != Kind::Domain || *not_valid,
        _ => return true,
    };
    let any = |beginnings: &[&str]| beginnings.iter().any(|one| text.starts_with(one));
    match alter.kind {
        Kind::Function
        | Kind::Sequence
        | Kind::Schema
        | Kind::Database
        | Kind::Role
        | Kind::Tablespace
        | Kind::Publication
        | Kind::Subscription
        | Kind::Trigger
        | Kind::EventTrigger
        | Kind::Policy
        | Kind::Rule
        | Kind::Event
        | Kind::View => true,
        Kind::MaterializedView => any(&[
            "ALTER ",
            "SET (",
            "RESET (",
            "CLUSTER ON",
            "SET WITHOUT CLUSTER",
            "DEPENDS",
            "NO DEPENDS",
        ]),
        Kind::Index => any(&[
            "ATTACH PARTITION",
            "ALTER ",
            "SET (",
            "RESET (",
            "DEPENDS",
            "NO DEPENDS",
        ]),
        Kind::Domain => any(&[
            "SET DEFAULT",
            "DROP DEFAULT",
            "DROP NOT NULL",
            "DROP CONSTRAINT",
        ]),
        Kind::Type => any(&["SET ("]),
        Kind::Extension => any(&["ADD ", "DROP "]),
        // ALTER SYSTEM has no name, and rules of its own.
        Kind::Other => alter.name.is_none() && any(&["SET ", "RESET "]),
        Kind::Table => false,
    }
}

/// What columns, defaults and triggers depend on: their tables are locked too.
fn reaches_further(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Type | Kind::Domain | Kind::Function | Kind::Sequence | Kind::Extension | Kind::Other
    )
}

pub(super) fn excerpt(sql: &str) -> String {
    let line = sql.lines().next().unwrap_or_default();
    match line.char_indices().nth(80) {
        None => line.to_owned(),
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
    }
}
