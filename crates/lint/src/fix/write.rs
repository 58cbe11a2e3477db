//! Names and texts of the files a fix makes.

use super::{NewFile, apply::Piece};
use crate::{finding::Finding, rules::trace::is_of_trace, unit::Content};
use greylag_core::{
    migration::{Directives, MigrationId},
    script::Script,
};

/// A statement with its delimiter and what stands above it, without directives.
pub(super) fn whole(script: &Script, index: usize) -> String {
    let statement = &script.statements[index];
    let comment = comment_above(script, index);
    let sql = script.sql(statement);
    let data = match &statement.copy_data {
        None => String::new(),
        Some(data) => format!("\n{}\\.", &script.text[data.clone()]),
    };
    let gap = if comment.is_empty() { "" } else { "\n" };
    format!("{comment}{gap}{sql};{data}")
}

/// The comments between the statement before and this one, without directives.
pub(super) fn comment_above(script: &Script, index: usize) -> String {
    let end = script.statements[index].span.start;
    let start = match index.checked_sub(1).map(|at| &script.statements[at]) {
        None => 0,
        Some(before) => before.copy_data.as_ref().map_or(before.span.end, |d| d.end),
    };
    let lines: Vec<&str> = script.text[start..end]
        .trim_start_matches([';', '\\', '.'])
        .lines()
        .map(str::trim_end)
        .filter(|line| !is_directive(line))
        .collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

/// Whether a text is blanks and line comments only.
pub(super) fn says_nothing(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .all(|line| line.is_empty() || line.starts_with("--"))
}

pub(super) fn files(
    content: &Content,
    pieces: Vec<Piece>,
    findings: &[&Finding],
) -> Option<Vec<NewFile>> {
    let migration = &content.migration;
    let MigrationId::Versioned(version) = &migration.id else {
        return None;
    };
    let folder = migration.script.rsplit_once('/').map_or("", |(f, _)| f);
    let slash = if folder.is_empty() { "" } else { "/" };
    let suffix = migration
        .script
        .rsplit_once('.')
        .map_or("sql", |(_, suffix)| suffix);
    let count = pieces.len();
    let files = pieces.into_iter().enumerate().map(|(at, piece)| NewFile {
        script: match (at, &piece.name) {
            (0, _) => migration.script.clone(),
            (_, name) => {
                let name = name
                    .clone()
                    .unwrap_or_else(|| migration.description.clone());
                format!(
                    "{folder}{slash}V{version}.{at}__{}.{suffix}",
                    file_name(&name)
                )
            }
        },
        text: {
            let ends = (at == 0, at + 1 == count);
            let head = head(&migration.directives, &piece, ends, findings);
            format!("{head}{}", piece.text)
        },
    });
    Some(files.collect())
}

/// The directives of a file that came of another. `ends`: whether it is the first of them, and whether it is the last.
fn head(
    directives: &Directives,
    piece: &Piece,
    (first, last): (bool, bool),
    findings: &[&Finding],
) -> String {
    let mut lines = vec![format!("-- greylag:phase {}", directives.phase.as_str())];
    lines.extend(
        directives
            .change
            .iter()
            .map(|c| format!("-- greylag:change {c}")),
    );
    let off = piece.transaction_off || directives.transaction == Some(false);
    if off {
        lines.push("-- greylag:transaction off".to_owned());
    }
    let requires = &directives.requires_app;
    lines.extend(
        requires
            .iter()
            .map(|app| format!("-- greylag:requires-app {app}")),
    );
    if let Some(timeout) = directives.lock_timeout {
        lines.push(format!("-- greylag:lock-timeout {}ms", timeout.as_millis()));
    }
    // Where the statements went that the rule spoke of; what has spoken of none stays where it was.
    let lets_pass = |rule: &str| {
        let mut allowed = findings
            .iter()
            .filter(|finding| finding.allowed.is_some() && finding.rule == rule)
            .peekable();
        if is_of_trace(rule) || allowed.peek().is_none() {
            return first || is_of_trace(rule);
        }
        allowed.any(|finding| {
            let statement = finding.statement;
            statement.is_none_or(|statement| piece.statements.contains(&statement))
        })
    };
    let allows = directives.allow.iter().filter(|a| lets_pass(&a.rule));
    lines.extend(allows.map(|a| format!("-- greylag:allow {} because {}", a.rule, a.because)));
    // What is true at the end need not be true before.
    let verify = directives.verify.iter().filter(|_| last);
    lines.extend(verify.map(|sql| format!("-- greylag:verify {sql}")));
    let online = directives.online.iter();
    lines.extend(online.map(|tool| format!("-- greylag:online {tool}")));
    let table = directives.table.iter();
    lines.extend(table.map(|table| format!("-- greylag:table {table}")));
    let subscribers = directives.subscribers.iter();
    lines.extend(subscribers.map(|said| format!("-- greylag:subscribers {}", said.as_str())));
    format!("{}\n\n", lines.join("\n"))
}

fn is_directive(line: &str) -> bool {
    line.trim_start().strip_prefix("--").is_some_and(|rest| {
        rest.trim_start()
            .to_ascii_lowercase()
            .starts_with("greylag:")
    })
}

fn file_name(name: &str) -> String {
    let mut clean = String::new();
    for c in name.chars() {
        if c.is_alphanumeric() {
            clean.push(c);
        } else if !clean.ends_with('_') {
            clean.push('_');
        }
    }
    clean.trim_matches('_').chars().take(80).collect()
}
