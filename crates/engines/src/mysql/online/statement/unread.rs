//! A statement that changes a table, and can't be given a way: what it says all the same.
//!
//! A part in a comment that only some servers execute is taken for both: there, and not there.

use super::{ALGORITHMS, Change, read, reader::Reader, tokens_of};
use greylag_core::{
    engine::Dialect,
    script::{SqlToken, TokenKind, has_executable_comment, tokens, without_executable_comments},
};

/// What can't be given a way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    pub why: &'static str,
    /// What it may change: by schema and name. None where even that can't be told.
    pub table: Option<(Option<String>, String)>,
    /// The author wrote the algorithm himself, where every server reads it.
    pub says_algorithm: bool,
    /// Whatever is executed of it touches metadata alone.
    pub is_metadata: bool,
}

/// Reads a statement that changes a table and that [`read`] can't; none for any other.
pub fn unread(sql: &str) -> Option<Unread> {
    if read(sql).is_some() {
        return None;
    }
    let commented = has_executable_comment(Dialect::Mysql, sql);
    let plain = without_executable_comments(Dialect::Mysql, sql);
    let (bare, prefixed) = behind_settings(sql);
    let (bare_plain, _) = behind_settings(&plain);
    let (with, without) = (Reading::of(bare), Reading::of(bare_plain));
    let is_all = |is: fn(&Reading) -> bool| [&with, &without].into_iter().flatten().all(is);
    let first = with.as_ref().or(without.as_ref())?;
    let same = is_same(&with, &without);
    Some(Unread {
        why: match (commented, prefixed) {
            (true, _) => "a part of it is in a comment that only some servers execute (`/*! … */`)",
            (false, true) => "it stands behind SET STATEMENT … FOR",
            _ => "its clauses are not understood",
        },
        table: first.table.clone().filter(|_| same),
        says_algorithm: is_all(|reading| reading.says_algorithm),
        is_metadata: same && is_all(|reading| reading.is_metadata),
    })
}

fn is_same(with: &Option<Reading>, without: &Option<Reading>) -> bool {
    match (with, without) {
        (Some(with), Some(without)) => with.table == without.table,
        _ => true,
    }
}

/// What stands behind MariaDB's `SET STATEMENT a = b FOR`, if that is how it begins.
pub fn behind_settings(sql: &str) -> (&str, bool) {
    let mut all = tokens(Dialect::Mysql, sql);
    let is = |token: &SqlToken, word: &str| {
        token.kind == TokenKind::Word && sql[token.span.clone()].eq_ignore_ascii_case(word)
    };
    for word in ["SET", "STATEMENT"] {
        if !all.next().is_some_and(|token| is(&token, word)) {
            return (sql, false);
        }
    }
    match all.find(|token| is(token, "FOR")) {
        Some(token) => (&sql[token.span.end..], true),
        None => (sql, false),
    }
}

/// One way to read it.
struct Reading {
    table: Option<(Option<String>, String)>,
    says_algorithm: bool,
    is_metadata: bool,
}

impl Reading {
    fn of(sql: &str) -> Option<Reading> {
        let all = tokens_of(sql);
        if !Reader::at_start(sql, &all).changes_a_table() {
            return None;
        }
        let change = Change::of(sql, &all);
        let table = match &change {
            Some(change) => Some((change.schema.clone(), change.table.clone())),
            None => Reader::at_start(sql, &all).table_at_least(),
        };
        Some(Reading {
            table,
            says_algorithm: Reader::at_start(sql, &all).says(0, "ALGORITHM", &ALGORITHMS),
            is_metadata: change.is_some_and(|change| change.is_metadata),
        })
    }
}
