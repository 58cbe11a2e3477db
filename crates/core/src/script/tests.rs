//! Splitting and classifying, by example, by chance, and against real histories.

mod chance;
mod corpus;
mod large;
mod modes;
mod mysql;
mod postgres;
mod sqlite;

use super::{ScriptError, Tx, split};
use crate::engine::Dialect;

/// The statements' texts.
fn cut(dialect: Dialect, text: &str) -> Vec<String> {
    let script = split(dialect, text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let sql = script.statements.iter().map(|s| script.sql(s).to_owned());
    sql.collect()
}

fn error(dialect: Dialect, text: &str) -> String {
    let error: ScriptError = split(dialect, text).unwrap_err();
    assert!(!error.hint().is_empty());
    error.to_string()
}

/// How a text's only statement stands to a transaction.
fn tx(dialect: Dialect, text: &str) -> Tx {
    let script = split(dialect, text).unwrap();
    assert_eq!(script.statements.len(), 1, "{text}");
    script.statements[0].tx
}

/// Whether a text's only statement sets the session.
fn session(dialect: Dialect, text: &str) -> bool {
    split(dialect, text).unwrap().statements[0].sets_session()
}

/// The lines and reasons of what is refused.
fn refused(dialect: Dialect, text: &str) -> Vec<(u32, &'static str)> {
    let script = split(dialect, text).unwrap();
    let refusals = script.refusals();
    refusals
        .iter()
        .map(|refusal| (refusal.line, refusal.why))
        .collect()
}
