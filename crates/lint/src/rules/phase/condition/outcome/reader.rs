//! Reads a condition from left to right, as servers do: OR, AND, NOT, comparisons, what they compare.

use super::{
    super::{
        value::{Truth, Value},
        words::{DEEPEST, Word, cast, group},
    },
    call, value,
};
use greylag_core::engine::Dialect;

pub(super) struct Reader<'a> {
    pub(super) dialect: Dialect,
    pub(super) words: &'a [Word],
    pub(super) at: usize,
    pub(super) column: &'a dyn Fn(&str) -> Option<Value>,
    pub(super) depth: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn either(&mut self) -> Option<Value> {
        let mut whole = self.both()?;
        while self.eat("or") || self.eat_double(b'|') {
            let other = self.both()?;
            whole = Value::of_truth(whole.truth().or(other.truth()));
        }
        Some(whole)
    }

    fn both(&mut self) -> Option<Value> {
        let mut whole = self.negated()?;
        while self.eat("and") || self.eat_double(b'&') {
            let other = self.negated()?;
            whole = Value::of_truth(whole.truth().and(other.truth()));
        }
        Some(whole)
    }

    fn negated(&mut self) -> Option<Value> {
        let mut turned = false;
        while self.eat("not") {
            turned = !turned;
        }
        let own = self.compared()?;
        Some(match turned {
            true => Value::of_truth(own.truth().not()),
            false => own,
        })
    }

    fn compared(&mut self) -> Option<Value> {
        let mut left = self.operand()?;
        loop {
            let begin = self.at;
            let truth = match self.comparison(&left)? {
                Some(truth) => truth,
                None => return Some(left),
            };
            debug_assert!(self.at > begin);
            left = Value::of_truth(truth);
        }
    }

    /// What stands behind an operand, where it compares that; the outer None where it isn't read.
    fn comparison(&mut self, left: &Value) -> Option<Option<Truth>> {
        if self.eat("isnull") {
            return Some(Some(left.is_null()));
        }
        if self.eat("notnull") {
            return Some(Some(left.is_null().not()));
        }
        if self.eat("is") {
            let turned = self.eat("not");
            let truth = self.is(left)?;
            return Some(Some(if turned { truth.not() } else { truth }));
        }
        let begin = self.at;
        let turned = self.eat("not");
        if let Some(truth) = self.matched(left)? {
            return Some(Some(if turned { truth.not() } else { truth }));
        }
        self.at = begin;
        let symbols = self.symbols();
        let truth = match symbols.as_slice() {
            b"=" | b"==" => self.operand_or_any(left)?,
            b"<>" | b"!=" => left.equals(&self.operand()?, self.dialect).not(),
            b"<=>" => same(left, &self.operand()?, self.dialect),
            b"<" => left.compare(&self.operand()?, |order| order.is_lt()),
            b"<=" => left.compare(&self.operand()?, |order| order.is_le()),
            b">" => left.compare(&self.operand()?, |order| order.is_gt()),
            b">=" => left.compare(&self.operand()?, |order| order.is_ge()),
            _ => {
                self.at = begin;
                return Some(None);
            }
        };
        Some(Some(truth))
    }

    /// Behind IS, IS NOT.
    fn is(&mut self, left: &Value) -> Option<Truth> {
        if self.eat("null") || self.eat("unknown") {
            return Some(left.is_null());
        }
        for (word, truth) in [("true", Truth::TRUE), ("false", Truth::FALSE)] {
            if self.eat(word) {
                return Some(same(
                    &Value::of_truth(left.truth()),
                    &Value::Truth(truth),
                    self.dialect,
                ));
            }
        }
        if self.eat("distinct") {
            self.eat("from").then_some(())?;
            return Some(same(left, &self.operand()?, self.dialect).not());
        }
        match self.dialect {
            Dialect::Sqlite => Some(same(left, &self.operand()?, self.dialect)),
            Dialect::Postgres | Dialect::Mysql => None,
        }
    }

    /// IN, BETWEEN, LIKE and its likes.
    fn matched(&mut self, left: &Value) -> Option<Option<Truth>> {
        if self.eat("in") {
            let (inner, rest) = group(&self.words[self.at..])?;
            let items = call::split(inner).into_iter();
            let truth = items
                .map(|item| left.equals(&self.inner(item), self.dialect))
                .fold(Truth::FALSE, Truth::or);
            self.at = self.words.len() - rest.len();
            return Some(Some(truth));
        }
        if self.eat("between") {
            self.eat("symmetric");
            let low = self.operand()?;
            self.eat("and").then_some(())?;
            let high = self.operand()?;
            let above = left.compare(&low, |order| order.is_ge());
            return Some(Some(above.and(left.compare(&high, |order| order.is_le()))));
        }
        let like = ["like", "ilike", "regexp", "rlike", "glob", "similar"];
        if !like.iter().any(|word| self.eat(word)) {
            return Some(None);
        }
        self.eat("to");
        self.eat("binary");
        let pattern = self.operand()?;
        if self.eat("escape") {
            self.operand()?;
        }
        let null = [left, &pattern].contains(&&Value::Null);
        Some(Some(if null { Value::Null } else { Value::Any }.truth()))
    }

    /// `= 5`, `= ANY (…)`.
    fn operand_or_any(&mut self, left: &Value) -> Option<Truth> {
        if !self.eat("any") && !self.eat("all") {
            return Some(left.equals(&self.operand()?, self.dialect));
        }
        let (_, rest) = group(&self.words[self.at..])?;
        self.at = self.words.len() - rest.len();
        Some(match left {
            Value::Null => Value::Null.truth(),
            _ => Value::Any.truth(),
        })
    }

    /// What operators join that compare nothing.
    fn operand(&mut self) -> Option<Value> {
        let mut whole = self.term()?;
        // Which binds first isn't read: sums are, alone.
        let mut sum = true;
        loop {
            let begin = self.at;
            let symbols = match self.symbols() {
                symbols if symbols.is_empty() => return Some(whole),
                symbols if is_comparison(&symbols) || self.joins(&symbols) => {
                    self.at = begin;
                    return Some(whole);
                }
                symbols => symbols,
            };
            let other = self.term()?;
            let numbers = whole.number().zip(other.number());
            sum &= matches!(symbols.as_slice(), b"+" | b"-");
            // Of an array and null it makes an array.
            let joined = symbols == b"||" && self.dialect == Dialect::Postgres;
            let plain = |value: &Value| !matches!(value, Value::Any);
            whole = match numbers {
                _ if joined && !(plain(&whole) && plain(&other)) => Value::Any,
                _ if [&whole, &other].contains(&&Value::Null) => Value::Null,
                Some((one, two)) if sum && symbols == b"+" => Value::Number(one + two),
                Some((one, two)) if sum => Value::Number(one - two),
                _ => Value::Any,
            };
        }
    }

    fn term(&mut self) -> Option<Value> {
        let mut own = self.primary()?;
        loop {
            if self.words[self.at..].starts_with(&[Word::Symbol(b':'), Word::Symbol(b':')]) {
                self.at += 2;
                self.at += cast(&self.words[self.at..]);
            } else if self.eat("collate") {
                self.at += cast(&self.words[self.at..]);
            } else if self.eat("at") {
                (self.eat("time") && self.eat("zone")).then_some(())?;
                let zone = self.primary()?;
                own = match [&own, &zone].contains(&&Value::Null) {
                    true => Value::Null,
                    false => Value::Any,
                };
            } else if self.next().is_some_and(|word| word.is_symbol(b'[')) {
                let (_, rest) = group(&self.words[self.at..])?;
                self.at = self.words.len() - rest.len();
                match own {
                    Value::Null => {}
                    _ => return Some(Value::Any),
                }
            } else {
                return Some(own);
            }
        }
    }

    fn primary(&mut self) -> Option<Value> {
        let word = self.next()?;
        self.at += 1;
        Some(match word {
            Word::Number(number) => number.parse().map_or(Value::Any, Value::Number),
            Word::Text(text) => text_of(text),
            Word::Symbol(b'(') => {
                self.at -= 1;
                let (inner, rest) = group(&self.words[self.at..])?;
                // A row of several.
                let one = call::split(inner).len() == 1;
                self.at = self.words.len() - rest.len();
                return one.then(|| self.inner(inner));
            }
            Word::Symbol(sign) if self.is_sign(*sign) => {
                self.at -= 1;
                return self.signed();
            }
            Word::Symbol(_) => return None,
            Word::Name(name) => match name.as_str() {
                "null" => Value::Null,
                "true" => Value::Truth(Truth::TRUE),
                "false" => Value::Truth(Truth::FALSE),
                "case" if self.depth >= DEEPEST => return None,
                "case" => {
                    self.depth += 1;
                    let value = call::case(self);
                    self.depth -= 1;
                    return value;
                }
                name => return self.named(name),
            },
            Word::Quoted(name) => return self.named(name),
        })
    }

    fn is_sign(&self, symbol: u8) -> bool {
        b"+-".contains(&symbol) || symbol == b'!' && self.dialect == Dialect::Mysql
    }

    /// However many signs stand before it.
    fn signed(&mut self) -> Option<Value> {
        let mut signs = Vec::new();
        loop {
            match self.next() {
                Some(Word::Symbol(sign)) if self.is_sign(*sign) => signs.push(*sign),
                _ => break,
            }
            self.at += 1;
        }
        let value = self.term()?;
        Some(
            signs
                .iter()
                .rfold(value, |value, sign| match (sign, value) {
                    (b'!', value) => Value::of_truth(value.truth().not()),
                    (b'+', value) => value,
                    (_, Value::Number(number)) => Value::Number(-number),
                    (_, Value::Null) => Value::Null,
                    _ => Value::Any,
                }),
        )
    }

    /// A column, a call, `date '2026-01-01'`, or whatever else is a word.
    fn named(&mut self, first: &str) -> Option<Value> {
        let (mut name, mut of) = (first, None);
        while self.next().is_some_and(|word| word.is_symbol(b'.')) {
            self.at += 1;
            let (Word::Name(next) | Word::Quoted(next)) = self.next()? else {
                return None;
            };
            self.at += 1;
            of = Some(std::mem::replace(&mut name, next.as_str()));
        }
        match self.next() {
            Some(Word::Symbol(b'(')) => {
                let (inner, rest) = group(&self.words[self.at..])?;
                self.at = self.words.len() - rest.len();
                // What is in a schema of one's own is one's own.
                let own = of.is_some_and(|schema| schema != "pg_catalog");
                return Some(match own {
                    true => Value::Any,
                    false => call::call(self, name, inner),
                });
            }
            Some(Word::Symbol(b'[')) if name == "array" => {
                let (_, rest) = group(&self.words[self.at..])?;
                self.at = self.words.len() - rest.len();
                return Some(Value::Any);
            }
            Some(Word::Text(_)) => {
                self.at += 1;
                return Some(Value::Any);
            }
            _ => {}
        }
        Some((self.column)(name).unwrap_or(Value::Any))
    }

    /// Words in parentheses, or between commas.
    pub(super) fn inner(&self, words: &[Word]) -> Value {
        match self.depth < DEEPEST {
            true => value(self.dialect, words, self.column, self.depth + 1),
            false => Value::Any,
        }
    }

    pub(super) fn next(&self) -> Option<&'a Word> {
        self.words.get(self.at)
    }

    pub(super) fn eat(&mut self, word: &str) -> bool {
        let found = self.next().is_some_and(|next| next.is(word));
        self.at += usize::from(found);
        found
    }

    /// MySQL's || and &&.
    fn eat_double(&mut self, symbol: u8) -> bool {
        let double = [Word::Symbol(symbol), Word::Symbol(symbol)];
        let found = self.dialect == Dialect::Mysql && self.words[self.at..].starts_with(&double);
        self.at += 2 * usize::from(found);
        found
    }

    fn joins(&self, symbols: &[u8]) -> bool {
        self.dialect == Dialect::Mysql && matches!(symbols, b"||" | b"&&")
    }

    /// The symbols of an operator; a sign behind a comparison is the number's.
    fn symbols(&mut self) -> Vec<u8> {
        let mut symbols = Vec::new();
        while let Some(Word::Symbol(symbol)) = self.next() {
            let operator = b"+-*/%|&~!@#<>=?^".contains(symbol);
            if !operator || is_comparison(&symbols) && b"+-".contains(symbol) {
                break;
            }
            symbols.push(*symbol);
            self.at += 1;
        }
        symbols
    }
}

fn is_comparison(symbols: &[u8]) -> bool {
    matches!(
        symbols,
        b"=" | b"==" | b"<>" | b"!=" | b"<=>" | b"<" | b"<=" | b">" | b">="
    )
}

/// Whether two are the same, where null is the same as null.
fn same(one: &Value, other: &Value, dialect: Dialect) -> Truth {
    let nulls = one.is_null().and(other.is_null());
    let neither = one.is_null().not().and(other.is_null().not());
    let equal = match one.equals(other, dialect) {
        // Of two that aren't null it is one or the other.
        truth if truth == Truth::TRUE || truth == Truth::FALSE => truth,
        _ => Truth::EITHER,
    };
    nulls.or(neither.and(equal))
}

fn text_of(text: &str) -> Value {
    let inner = text
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''));
    let inner = inner.or_else(|| text.strip_prefix('"')?.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.contains(['\\', '\'', '"']) => Value::Text(inner.to_owned()),
        _ => Value::Any,
    }
}
