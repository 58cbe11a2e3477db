//! What the bounds of a partition say, and whether a CHECK says as much.
//!
//! Knows bounds over one column, and CHECKs that are written like them: any other proves nothing here, though a server may see more.

use crate::{catalog::Table, effects::proves_not_null};
use greylag_core::{
    engine::Dialect,
    script::{TokenKind, tokens},
};

/// What each row of a partition has in the column that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bounds {
    Range {
        from: Option<String>,
        to: Option<String>,
    },
    List(Vec<String>),
}

/// A comparison, or a column that is not null: `>=`, `<`, `=`, `in`, `not null` and their likes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fact {
    column: String,
    is: &'static str,
    values: Vec<String>,
}

impl Bounds {
    /// From `FOR VALUES …`, wherever that begins. None for DEFAULT, hashes, several columns, and nulls.
    pub(super) fn read(text: &str) -> Option<Bounds> {
        let words = words(text);
        let at = words.iter().position(|word| word.is("VALUES"))?;
        let rest = &words[at + 1..];
        if rest.first()?.is("IN") {
            let values = values(group(&rest[1..])?.0)?;
            return Some(Bounds::List(values));
        }
        rest.first().filter(|word| word.is("FROM"))?;
        let (from, rest) = group(&rest[1..])?;
        rest.first().filter(|word| word.is("TO"))?;
        let (to, _) = group(&rest[1..])?;
        let one = |words: &[Word<'_>], open: &str| match words {
            [word] if word.is(open) => Some(None),
            words => {
                let mut values = values(words)?;
                let value = values.pop().filter(|_| values.is_empty())?;
                Some(Some(value))
            }
        };
        Some(Bounds::Range {
            from: one(from, "MINVALUE")?,
            to: one(to, "MAXVALUE")?,
        })
    }

    /// Validated CHECKs of a table to be attached say what its bounds say: nothing is read. `key` is what the partitioned table goes
    /// by, where that is known.
    pub(super) fn are_proven_by(&self, table: &Table, key: Option<&str>) -> bool {
        let checks = table.checks.iter().filter(|check| check.valid);
        let facts: Vec<Fact> = checks
            .flat_map(|check| all_of(&words(&check.expression)))
            .collect();
        let fits = |column: &str| {
            let says = |is: &str, value: &Option<String>| {
                value.as_ref().is_none_or(|value| {
                    let mut facts = facts.iter();
                    facts.any(|fact| {
                        fact.column == column && fact.is == is && fact.values == [value.clone()]
                    })
                })
            };
            match self {
                Bounds::Range { from, to } => says(">=", from) && says("<", to),
                Bounds::List(values) => facts.iter().any(|fact| {
                    let within = fact.values.iter().all(|value| values.contains(value));
                    fact.column == column && matches!(fact.is, "=" | "in") && within
                }),
            }
        };
        let mut columns = facts.iter().map(|fact| fact.column.as_str());
        columns.any(|column| {
            key.is_none_or(|key| key == column) && fits(column) && proves_not_null(table, column)
        })
    }

    /// Validated CHECKs of the default partition say that nothing in there belongs to these bounds.
    pub(super) fn are_kept_out_of(&self, rest: &Table, key: Option<&str>) -> bool {
        let mut checks = rest.checks.iter().filter(|check| check.valid);
        if let Bounds::List(values) = self {
            let facts: Vec<Fact> = checks
                .flat_map(|check| all_of(&words(&check.expression)))
                .collect();
            return values.iter().all(|value| {
                let without = |fact: &Fact| {
                    key.is_none_or(|key| key == fact.column)
                        && matches!(fact.is, "<>" | "not in")
                        && fact.values.contains(value)
                };
                facts.iter().any(without)
            });
        }
        let Bounds::Range { from, to } = self else {
            return false;
        };
        checks.any(|check| {
            let words = words(&check.expression);
            conjuncts(&words).into_iter().any(|part| {
                let mut outside = any_of(part).into_iter();
                let kept = |fact: Fact| {
                    let end = match fact.is {
                        "<" => from,
                        ">=" => to,
                        _ => return false,
                    };
                    key.is_none_or(|key| key == fact.column) && fact.values.first() == end.as_ref()
                };
                outside.len() > 0 && outside.all(kept)
            })
        })
    }
}

#[derive(Clone, Copy, Debug)]
struct Word<'a> {
    kind: TokenKind,
    text: &'a str,
}

impl Word<'_> {
    fn is(&self, word: &str) -> bool {
        self.kind == TokenKind::Word && self.text.eq_ignore_ascii_case(word)
    }

    fn is_symbol(&self, symbol: u8) -> bool {
        self.kind == TokenKind::Symbol(symbol)
    }
}

fn words(text: &str) -> Vec<Word<'_>> {
    let tokens = tokens(Dialect::Postgres, text);
    let word = |token: greylag_core::script::SqlToken| Word {
        kind: token.kind,
        text: &text[token.span],
    };
    tokens.map(word).collect()
}

/// What stands in the parentheses that begin here, and what behind them.
fn group<'w, 'a>(words: &'w [Word<'a>]) -> Option<(&'w [Word<'a>], &'w [Word<'a>])> {
    words.first().filter(|word| word.is_symbol(b'('))?;
    let mut depth = 0usize;
    for (at, word) in words.iter().enumerate() {
        match word.kind {
            TokenKind::Symbol(b'(') => depth += 1,
            TokenKind::Symbol(b')') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&words[1..at], &words[at + 1..]));
        }
    }
    None
}

/// How many parentheses around each other are looked into: nobody writes more by hand.
const DEEPEST: usize = 64;

/// Without parentheses around the whole.
fn bare<'w, 'a>(mut words: &'w [Word<'a>]) -> &'w [Word<'a>] {
    for _ in 0..DEEPEST {
        match group(words) {
            Some((inner, [])) => words = inner,
            _ => break,
        }
    }
    words
}

/// The parts between a word, outside parentheses.
fn between<'w, 'a>(words: &'w [Word<'a>], by: &str) -> Vec<&'w [Word<'a>]> {
    let (mut parts, mut begin, mut depth) = (Vec::new(), 0, 0usize);
    for (at, word) in words.iter().enumerate() {
        match word.kind {
            TokenKind::Symbol(b'(') => depth += 1,
            TokenKind::Symbol(b')') => depth = depth.saturating_sub(1),
            _ if depth == 0 && word.is(by) => {
                parts.push(&words[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&words[begin..]);
    parts
}

fn conjuncts<'w, 'a>(words: &'w [Word<'a>]) -> Vec<&'w [Word<'a>]> {
    conjuncts_within(words, 0)
}

fn conjuncts_within<'w, 'a>(words: &'w [Word<'a>], depth: usize) -> Vec<&'w [Word<'a>]> {
    if depth > DEEPEST {
        return vec![words];
    }
    let words = bare(words);
    // An AND beside one of these need not hold by itself.
    let loose = ["or", "case", "between"];
    let parts = match loose.iter().any(|word| between(words, word).len() > 1) {
        true => return vec![words],
        false => between(words, "and"),
    };
    match parts.len() {
        1 => parts,
        _ => parts
            .into_iter()
            .flat_map(|part| conjuncts_within(part, depth + 1))
            .collect(),
    }
}

/// What an expression says of every row that it is true of.
fn all_of(words: &[Word<'_>]) -> Vec<Fact> {
    let parts = conjuncts(words).into_iter();
    parts.filter_map(|part| fact(bare(part))).collect()
}

/// What an expression says, one of which is true of every row: `a OR b`, `NOT (not a AND not b)`. Nothing where it says anything else.
fn any_of(words: &[Word<'_>]) -> Vec<Fact> {
    let words = bare(words);
    let turned = words
        .first()
        .filter(|word| word.is("NOT"))
        .and_then(|_| group(&words[1..]));
    let facts: Option<Vec<Fact>> = match turned {
        Some((inner, [])) => {
            let parts = conjuncts(inner).into_iter();
            parts.map(|part| turn(fact(bare(part))?)).collect()
        }
        _ => {
            let parts = between(words, "or").into_iter();
            parts.map(|part| fact(bare(part))).collect()
        }
    };
    facts.unwrap_or_default()
}

fn turn(fact: Fact) -> Option<Fact> {
    let is = match fact.is {
        ">=" => "<",
        "<" => ">=",
        _ => return None,
    };
    Some(Fact { is, ..fact })
}

fn fact(words: &[Word<'_>]) -> Option<Fact> {
    let (first, rest) = words.split_first()?;
    let column = match first.kind {
        TokenKind::Word => first.text.to_ascii_lowercase(),
        TokenKind::Name => first.text.trim_matches('"').to_owned(),
        _ => return None,
    };
    let symbols: String = rest
        .iter()
        .map_while(|word| match word.kind {
            TokenKind::Symbol(symbol @ (b'<' | b'>' | b'=' | b'!')) => Some(char::from(symbol)),
            _ => None,
        })
        .collect();
    let is = match symbols.as_str() {
        ">=" => ">=",
        "<" => "<",
        "=" => "=",
        "<>" | "!=" => "<>",
        "" => {
            let negated = rest.first()?.is("NOT");
            let rest = &rest[usize::from(negated)..];
            rest.first().filter(|word| word.is("IN"))?;
            let (inner, behind) = group(&rest[1..])?;
            let values = values(inner).filter(|_| behind.is_empty())?;
            return Some(Fact {
                column,
                is: if negated { "not in" } else { "in" },
                values,
            });
        }
        _ => return None,
    };
    let values = values(&rest[symbols.len()..])?;
    (values.len() == 1).then_some(Fact { column, is, values })
}

/// Constants between commas, without casts; None where there is anything else.
fn values(words: &[Word<'_>]) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for part in words.split(|word| word.is_symbol(b',')) {
        let cast = part
            .windows(2)
            .position(|two| two.iter().all(|word| word.is_symbol(b':')));
        let part = &part[..cast.unwrap_or(part.len())];
        let text: String = match bare(part) {
            // `date '2026-01-01'`
            [prefix, value]
                if prefix.kind == TokenKind::Word && value.kind == TokenKind::String =>
            {
                value.text.to_owned()
            }
            [value] if value.kind == TokenKind::String => value.text.to_owned(),
            number => {
                let digits = |word: &Word<'_>| {
                    word.text
                        .chars()
                        .all(|c| c.is_ascii_digit() || c == '.' || c == '-')
                };
                let all = !number.is_empty() && number.iter().all(digits);
                all.then(|| number.iter().map(|word| word.text).collect())?
            }
        };
        all.push(text);
    }
    Some(all)
}
