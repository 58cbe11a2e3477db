//! What a CHECK comes to where it is known what stands in its columns: read from its words, and worked out on the way.

use super::{
    value::{Truth, Value},
    words::{Word, words},
};
use crate::effects::is_strict;
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
    whole.unwrap_or_else(|| strict(dialect, words, column))
}

/// What isn't read: operators make null of null, and so do functions that are known to; rows, lists and other words need not.
fn strict(dialect: Dialect, words: &[Word], column: &dyn Fn(&str) -> Option<Value>) -> Value {
    const OTHER: [&str; 17] = [
        "all", "and", "any", "array", "case", "distinct", "exists", "in", "is", "isnull",
        "notnull", "null", "or", "overlaps", "row", "select", "some",
    ];
    const SYMBOLS: [&[u8]; 2] = [b"<=>", b"||"];
    let other = |word: &Word| OTHER.iter().any(|other| word.is(other));
    let null = |word: &Word| match word {
        Word::Name(name) | Word::Quoted(name) => column(name) == Some(Value::Null),
        _ => false,
    };
    let lenient = |at: usize| {
        let (word, behind) = (&words[at], &words[at + 1..]);
        let opens = behind.first().is_some_and(|next| next.is_symbol(b'('));
        let qualified = at > 0 && words[at - 1].is_symbol(b'.');
        match word {
            Word::Name(name) if opens => qualified || !is_strict(dialect, name),
            Word::Quoted(_) if opens => true,
            word => other(word) || SYMBOLS.iter().any(|own| begins(&words[at..], own)),
        }
    };
    match !has_row(words) && !(0..words.len()).any(lenient) && words.iter().any(null) {
        true => Value::Null,
        false => Value::Any,
    }
}

/// A comma within parentheses that aren't a call's, or within none.
fn has_row(words: &[Word]) -> bool {
    let mut calls: Vec<bool> = Vec::new();
    words.iter().enumerate().any(|(at, word)| {
        match word {
            Word::Symbol(b'(' | b'[') => {
                calls.push(at > 0 && matches!(words[at - 1], Word::Name(_)));
            }
            Word::Symbol(b')' | b']') => drop(calls.pop()),
            Word::Symbol(b',') => return calls.last() != Some(&true),
            _ => {}
        }
        false
    })
}

fn begins(words: &[Word], symbols: &[u8]) -> bool {
    let mut pairs = symbols.iter().zip(words);
    symbols.len() <= words.len() && pairs.all(|(symbol, word)| word.is_symbol(*symbol))
}

#[cfg(test)]
mod tests;
