//! What functions make of what they are given, and CASE of its branches.

use super::{
    super::{
        value::{Truth, Value},
        words::Word,
    },
    reader::Reader,
};
use crate::effects::is_strict;
use greylag_core::engine::Dialect;

/// A call; `within` are the words in its parentheses.
pub(super) fn call(reader: &Reader<'_>, name: &str, within: &[Word]) -> Value {
    let arguments = split(within);
    let values = || arguments.iter().map(|words| reader.inner(words));
    let nulls = || values().map(|value| value.is_null());
    let count = |counted: Truth| {
        let all: Vec<Truth> = nulls().collect();
        let known = !all.contains(&Truth::EITHER);
        let found = all.iter().filter(|null| **null == counted).count();
        match known {
            true => Value::Number(found as f64),
            false => Value::Any,
        }
    };
    match name {
        "coalesce" | "ifnull" | "nvl" => first_known(values()),
        "nullif" => match values().next() {
            Some(Value::Null) => Value::Null,
            _ => Value::Any,
        },
        "num_nulls" => count(Truth::TRUE),
        "num_nonnulls" => count(Truth::FALSE),
        "isnull" if arguments.len() == 1 => {
            Value::of_truth(nulls().next().unwrap_or(Truth::EITHER))
        }
        "greatest" | "least" if reader.dialect == Dialect::Postgres => {
            let null = nulls().all(|null| null == Truth::TRUE);
            if null { Value::Null } else { Value::Any }
        }
        "if" | "iif" if arguments.len() == 3 => {
            let condition = reader.inner(arguments[0]).truth();
            let [then, other] = [1, 2].map(|at| reader.inner(arguments[at]));
            match (condition.may_be(Truth::TRUE), condition == Truth::TRUE) {
                (true, true) => then,
                (false, _) => other,
                _ => then.beside(other),
            }
        }
        // The expression, and the type behind AS.
        "cast" => match within.iter().rposition(|word| word.is("as")) {
            Some(at) => reader.inner(&within[..at]),
            None => Value::Any,
        },
        "length" | "char_length" | "character_length" | "octet_length" | "lower" | "upper"
        | "trim" | "btrim"
            if arguments.len() == 1 && !within.iter().any(|word| word.is("from")) =>
        {
            of_text(name, reader.inner(arguments[0]))
        }
        name if is_strict(reader.dialect, name) => {
            let words = ["extract", "overlay", "position", "substring", "trim"];
            let parts = match words.contains(&name) {
                true => arguments.iter().flat_map(parts).collect(),
                false => arguments.clone(),
            };
            match parts.iter().any(|part| reader.inner(part) == Value::Null) {
                true => Value::Null,
                false => Value::Any,
            }
        }
        // One's own, or one that makes something of nulls.
        _ => Value::Any,
    }
}

/// `year FROM x`, `x FROM 1 FOR 2`, `'a' IN x`, `BOTH FROM x`.
fn parts<'w>(words: &&'w [Word]) -> impl Iterator<Item = &'w [Word]> {
    const BETWEEN: [&str; 6] = ["both", "for", "from", "in", "leading", "trailing"];
    let parts = words.split(|word| BETWEEN.iter().any(|own| word.is(own)));
    parts.filter(|part| !part.is_empty())
}

/// `CASE WHEN … THEN … ELSE … END`, behind CASE.
pub(super) fn case(reader: &mut Reader<'_>) -> Option<Value> {
    let of = match reader.next()?.is("when") {
        true => None,
        false => Some(reader.either()?),
    };
    let mut found: Option<Value> = None;
    let mut open = true;
    let mut take = |value: Value| {
        found = Some(match found.take() {
            Some(found) => found.beside(value),
            None => value,
        });
    };
    while reader.eat("when") {
        let when = reader.either()?;
        let holds = match &of {
            Some(of) => of.equals(&when, reader.dialect),
            None => when.truth(),
        };
        reader.eat("then").then_some(())?;
        let then = reader.either()?;
        if open && holds.may_be(Truth::TRUE) {
            take(then);
        }
        open &= holds != Truth::TRUE;
    }
    let other = match reader.eat("else") {
        true => reader.either()?,
        false => Value::Null,
    };
    if open {
        take(other);
    }
    reader.eat("end").then_some(())?;
    found
}

/// The first that is not null.
fn first_known(values: impl Iterator<Item = Value>) -> Value {
    for value in values {
        match value.is_null() {
            Truth::TRUE => {}
            Truth::FALSE => return value,
            _ => return Value::Any,
        }
    }
    Value::Null
}

fn of_text(name: &str, value: Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Text(text) if text.is_ascii() => match name {
            "lower" => Value::Text(text.to_ascii_lowercase()),
            "upper" => Value::Text(text.to_ascii_uppercase()),
            "trim" | "btrim" => Value::Text(text.trim_matches(' ').to_owned()),
            _ => Value::Number(text.len() as f64),
        },
        _ => Value::Any,
    }
}

/// Between commas, outside parentheses.
pub(super) fn split(words: &[Word]) -> Vec<&[Word]> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0usize);
    if words.is_empty() {
        return parts;
    }
    for (at, word) in words.iter().enumerate() {
        match word {
            Word::Symbol(b'(' | b'[') => depth += 1,
            Word::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
            Word::Symbol(b',') if depth == 0 => {
                parts.push(&words[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&words[begin..]);
    parts
}
