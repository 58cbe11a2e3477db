//! Files as they come: names, bytes, directives, placeholders; and real histories.

mod corpus;
mod directives;
mod names;
mod placeholders;
mod reading;

use super::{Migration, MigrationError};

fn read(name: &str, text: &str) -> Result<Migration, Vec<MigrationError>> {
    Migration::read(name, text.as_bytes(), None)
}

/// Every fault, with its place and hint.
fn faults(name: &str, text: &str) -> Vec<String> {
    tell(&read(name, text).unwrap_err())
}

fn tell(errors: &[MigrationError]) -> Vec<String> {
    let tell = |error: &MigrationError| match &error.hint {
        Some(hint) => format!("{error} | {hint}"),
        None => error.to_string(),
    };
    errors.iter().map(tell).collect()
}
