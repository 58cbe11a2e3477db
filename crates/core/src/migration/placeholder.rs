//! Placeholders: `${name}` is replaced by a value, in comments and strings as well, as Flyway does.
//!
//! Names ignore case. `flyway:filename` is known by itself; all others come in as arguments.

use super::{
    Migration,
    checksum::checksum_of_lines,
    error::{Fault, MigrationError},
};
use crate::source::{Edit, Source};
use std::{collections::BTreeMap, ops::Range};

/// The text to run, with the way back to the file's lines. All placeholders without a value at once.
pub fn replace(
    migration: &Migration,
    values: &BTreeMap<String, String>,
) -> Result<Source, MigrationError> {
    let file = &migration.text;
    if !has_any(migration) {
        return Ok(file.clone().into());
    }
    let known = known(migration, values);
    let mut text = String::with_capacity(file.len());
    let mut edits = Vec::new();
    let mut missing: Vec<String> = Vec::new();
    let mut first_missing: Option<Range<usize>> = None;
    let mut copied = 0;
    for found in occurrences(file) {
        let span = found.map_err(|span| open(migration, span))?;
        let name = &file[span.start + 2..span.end - 1];
        let Some(value) = known.get(name.to_lowercase().as_str()) else {
            first_missing.get_or_insert(span);
            if !missing.iter().any(|m| m.eq_ignore_ascii_case(name)) {
                missing.push(name.to_owned());
            }
            continue;
        };
        text.push_str(&file[copied..span.start]);
        let start = text.len();
        text.push_str(value);
        copied = span.end;
        edits.push(Edit {
            text: start..text.len(),
            file: span,
        });
    }
    if let Some(span) = first_missing {
        let hint = "Give each a value under `[placeholders]` in greylag.toml, or write `placeholderReplacement=false` into the file's `.conf` if `${` is meant as it stands.";
        let fault = Fault::MissingPlaceholders { names: missing };
        let source = file.clone().into();
        return Err(MigrationError::new(
            &migration.script,
            &source,
            span,
            fault,
            hint.to_owned(),
        ));
    }
    text.push_str(&file[copied..]);
    Ok(Source::edited(text.into(), file.clone(), edits))
}

/// Whether anything in the file is to be replaced.
pub fn has_any(migration: &Migration) -> bool {
    migration.config.placeholder_replacement != Some(false) && migration.text.contains("${")
}

/// The checksum for the history table: a repeatable's is that of its text after placeholders.
pub fn checksum(migration: &Migration, replaced: &Source) -> i32 {
    if migration.id.is_repeatable() {
        checksum_of_lines(replaced.text())
    } else {
        migration.checksum
    }
}

fn known<'a>(
    migration: &'a Migration,
    values: &'a BTreeMap<String, String>,
) -> BTreeMap<String, &'a str> {
    let file_name = migration
        .script
        .rsplit('/')
        .next()
        .unwrap_or(&migration.script);
    let own = std::iter::once(("flyway:filename".to_owned(), file_name));
    let given = values
        .iter()
        .map(|(name, value)| (name.to_lowercase(), value.as_str()));
    own.chain(given).collect()
}

/// Each `${…}`, or the span of one that is never closed.
fn occurrences(text: &str) -> impl Iterator<Item = Result<Range<usize>, Range<usize>>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text[from..].find("${")?;
        match text[start..].find('}') {
            Some(len) => {
                from = start + len + 1;
                Some(Ok(start..from))
            }
            None => {
                from = text.len();
                Some(Err(start..start + 2))
            }
        }
    })
}

fn open(migration: &Migration, span: Range<usize>) -> MigrationError {
    let hint =
        "Close it with `}`, or write `placeholderReplacement=false` into the file's `.conf`.";
    let source = migration.text.clone().into();
    MigrationError::new(
        &migration.script,
        &source,
        span,
        Fault::OpenPlaceholder,
        hint.to_owned(),
    )
}
