//! What could not be judged.

use super::{File, Scene};
use crate::{
    catalog::Catalog,
    effects::stranger,
    finding::Place,
    operation::{Action, Alter, Change, Kind, Name, Operation, Write},
    report::{Coverage, Unjudged},
    rules::online,
};
use greylag_core::engine::Dialect;

/// Counts a file's statements, and tells those that weren't understood: why, for each that wasn't.
pub(super) fn count(file: &File<'_>, unjudged: Vec<Option<String>>, coverage: &mut Coverage) {
    coverage.files += 1;
    for (index, why) in unjudged.into_iter().enumerate() {
        coverage.statements += 1;
        match why {
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
pub(crate) fn unjudged(scene: &Scene<'_>) -> Option<String> {
    let (dialect, catalog) = (scene.dialect(), scene.catalog);
    match scene.operation {
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
        Operation::AlterTable(alter) => {
            let mut actions = alter.actions.iter();
            let unread = actions.find_map(|(action, _)| not_understood(action));
            let cascades = || {
                let mut actions = scene.actions();
                actions.find_map(|(table, action, _)| cascades(scene, table, action))
            };
            unread.or_else(cascades).or_else(|| online::unclear(scene))
        }
        _ => None,
    }
}

fn not_understood(action: &Action) -> Option<String> {
    let Action::Unknown { text } = action else {
        return None;
    };
    let text: String = text.chars().take(60).collect();
    Some(format!("the clause `{text}` isn't understood"))
}

/// DROP … CASCADE takes along what depends on a column or a key; only PostgreSQL heeds the word.
fn cascades(scene: &Scene<'_>, table: &Name, action: &Action) -> Option<String> {
    let what = match action {
        Action::DropColumn {
            column,
            cascade: true,
            ..
        } => column,
        Action::DropConstraint {
            name,
            cascade: true,
            ..
        } => name,
        _ => return None,
    };
    (scene.dialect() == Dialect::Postgres).then(|| {
        format!("CASCADE also drops what depends on {table}.{what} (views, foreign keys, policies), which isn't looked into")
    })
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
