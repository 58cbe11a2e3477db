//! What a CHECK comes to where it is known what stands in its columns: read from its words, and worked out on the way.

use super::{
    value::{Truth, Value},
    words::{Word, words},
};
use greylag_core::engine::Dialect;

mod call;
mod reader;

use reader::Reader;

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Outcome {
    Passes,
    /// Nobody can tell from the text.
    Unclear,
    Fails,
}

/// What becomes of a row that has these values; None is no column's name.
pub(in super::super) fn outcome(
    dialect: Dialect,
    expression: &str,
    column: &dyn Fn(&str) -> Option<Value>,
) -> Outcome {
    let words = words(dialect, expression);
    let truth = value(dialect, &words, column, 0).truth();
    match (truth.may_be(Truth::FALSE), truth == Truth::FALSE) {
        (false, _) => Outcome::Passes,
        (true, false) => Outcome::Unclear,
        (true, true) => Outcome::Fails,
    }
}

/// What a default comes to.
pub(in super::super) fn literal(dialect: Dialect, expression: &str) -> Value {
    value(dialect, &words(dialect, expression), &|_| None, 0)
}

/// What words come to that are one expression.
fn value(
    dialect: Dialect,
    words: &[Word],
    column: &dyn Fn(&str) -> Option<Value>,
    depth: usize,
) -> Value {
    let mut reader = Reader {
        dialect,
        words,
        at: 0,
        column,
        depth,
    };
    let whole = reader.either().filter(|_| reader.at == words.len());
    whole.unwrap_or_else(|| strict(words, column))
}

/// What isn't read: nearly all of SQL makes null of null, and these are what doesn't.
fn strict(words: &[Word], column: &dyn Fn(&str) -> Option<Value>) -> Value {
    const OTHER: [&str; 20] = [
        "and",
        "case",
        "coalesce",
        "concat",
        "concat_ws",
        "distinct",
        "format",
        "greatest",
        "if",
        "ifnull",
        "iif",
        "is",
        "isnull",
        "least",
        "notnull",
        "null",
        "num_nonnulls",
        "num_nulls",
        "nvl",
        "or",
    ];
    let safe = [Word::Symbol(b'<'), Word::Symbol(b'='), Word::Symbol(b'>')];
    let other = |word: &Word| OTHER.iter().any(|other| word.is(other));
    let null = |word: &Word| match word {
        Word::Name(name) | Word::Quoted(name) => column(name) == Some(Value::Null),
        _ => false,
    };
    let lenient = words.iter().any(other) || words.windows(3).any(|three| three == safe);
    match !lenient && words.iter().any(null) {
        true => Value::Null,
        false => Value::Any,
    }
}

#[cfg(test)]
mod tests;
