//! What could not be judged.

use super::File;
use crate::{
    finding::Place,
    operation::{Action, Kind, Operation},
    report::{Coverage, Unjudged},
};

/// Counts a file's statements, and tells those that weren't understood.
pub(super) fn count(file: &File<'_>, coverage: &mut Coverage) {
    coverage.files += 1;
    for (index, operation) in file.operations.iter().enumerate() {
        coverage.statements += 1;
        match unjudged(operation) {
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
pub(crate) fn unjudged(operation: &Operation) -> Option<String> {
    match operation {
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

/// What columns, defaults and triggers depend on: their tables are locked too.
fn reaches_further(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Type | Kind::Domain | Kind::Function | Kind::Sequence | Kind::Extension
    )
}

pub(super) fn excerpt(sql: &str) -> String {
    let line = sql.lines().next().unwrap_or_default();
    match line.char_indices().nth(80) {
        None => line.to_owned(),
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
    }
}
