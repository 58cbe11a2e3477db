//! The words of an expression, written in one way.

use crate::catalog::name_of;
use greylag_core::{
    engine::Dialect,
    script::{TokenKind, tokens},
};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// A keyword, or a name: folded, without its quotes.
    Name(String),
    /// A name in quotes that would be a keyword without.
    Quoted(String),
    /// With its quotes.
    Text(String),
    Number(String),
    Symbol(u8),
}

/// Words that are no names, unless they are quoted.
const KEYWORDS: [&str; 38] = [
    "all",
    "and",
    "any",
    "array",
    "as",
    "at",
    "between",
    "binary",
    "case",
    "collate",
    "distinct",
    "div",
    "else",
    "end",
    "escape",
    "false",
    "from",
    "glob",
    "ilike",
    "in",
    "is",
    "isnull",
    "like",
    "mod",
    "not",
    "notnull",
    "null",
    "or",
    "regexp",
    "rlike",
    "similar",
    "symmetric",
    "then",
    "to",
    "true",
    "unknown",
    "when",
    "xor",
];

impl Word {
    pub(super) fn is(&self, word: &str) -> bool {
        matches!(self, Word::Name(name) if name == word)
    }

    pub(super) fn is_symbol(&self, symbol: u8) -> bool {
        *self == Word::Symbol(symbol)
    }
}

pub(super) fn words(dialect: Dialect, text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    for token in tokens(dialect, text) {
        let own = &text[token.span];
        let word = match token.kind {
            TokenKind::Symbol(symbol) => Word::Symbol(symbol),
            TokenKind::String => Word::Text(own.to_owned()),
            TokenKind::Word if own.starts_with(|first: char| first.is_ascii_digit()) => {
                number(&mut words, own)
            }
            kind => match name_of(dialect, kind, own).unwrap_or_default() {
                name if kind == TokenKind::Name && KEYWORDS.contains(&name.as_str()) => {
                    Word::Quoted(name)
                }
                name => Word::Name(name),
            },
        };
        words.push(word);
    }
    words
}

/// `1.5` is three tokens.
fn number(before: &mut Vec<Word>, digits: &str) -> Word {
    if let [.., Word::Number(whole), Word::Symbol(b'.')] = before.as_slice() {
        let number = format!("{whole}.{digits}");
        before.truncate(before.len() - 2);
        return Word::Number(number);
    }
    Word::Number(digits.to_owned())
}

/// Values that are written as names.
const VALUES: [&str; 9] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
];

/// The names in an expression that may be columns: neither keywords, functions nor values, and no types, collations, units and fields.
pub(in super::super) fn names_in(dialect: Dialect, expression: &str) -> Vec<String> {
    let all = words(dialect, expression);
    let mut found = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let (word, behind) = (&all[at], &all[at + 1..]);
        let next = behind.first();
        at += 1;
        match word {
            Word::Symbol(b':') if next == Some(&Word::Symbol(b':')) => {
                at += 1 + cast(&all[at + 1..]);
            }
            // `AS UNSIGNED INTEGER)`
            Word::Name(name) if name == "as" => {
                let ends = |word: &Word| word.is_symbol(b')');
                at += behind.iter().position(ends).unwrap_or(behind.len());
            }
            Word::Name(name) if name == "collate" => at += cast(behind),
            Word::Name(name) if name == "at" && next.is_some_and(|next| next.is("time")) => at += 2,
            // `date '2026-01-01'`
            Word::Name(_) if matches!(next, Some(Word::Text(_))) => {}
            Word::Name(name) if next.is_some_and(|next| next.is_symbol(b'(')) => {
                let field = name == "extract" || name == "timestampdiff";
                at += if field { 2 } else { 0 };
            }
            Word::Name(name) if name == "interval" && matches!(next, Some(Word::Number(_))) => {
                at += 2;
            }
            Word::Name(name) if KEYWORDS.contains(&name.as_str()) => {}
            Word::Name(name) if VALUES.contains(&name.as_str()) => {}
            Word::Name(name) | Word::Quoted(name) => found.push(name.clone()),
            _ => {}
        }
    }
    found
}

/// What stands in the parentheses that begin here, and what behind them.
pub(super) fn group(words: &[Word]) -> Option<(&[Word], &[Word])> {
    let close = match words.first()? {
        Word::Symbol(b'(') => b')',
        Word::Symbol(b'[') => b']',
        _ => return None,
    };
    let mut depth = 0usize;
    for (at, word) in words.iter().enumerate() {
        match word {
            Word::Symbol(b'(' | b'[') => depth += 1,
            Word::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let whole = words[at].is_symbol(close);
            return whole.then_some((&words[1..at], &words[at + 1..]));
        }
    }
    None
}

/// How many parentheses around each other are looked into: nobody writes more by hand.
pub(super) const DEEPEST: usize = 64;

/// Without parentheses around the whole.
pub(super) fn bare(mut words: &[Word]) -> &[Word] {
    for _ in 0..DEEPEST {
        match group(words) {
            Some((inner, [])) if words[0].is_symbol(b'(') => words = inner,
            _ => break,
        }
    }
    words
}

/// Without `::type`.
pub(super) fn uncast(words: &[Word]) -> Vec<Word> {
    let (mut left, mut at) = (Vec::new(), 0);
    while at < words.len() {
        if words[at..].starts_with(&[Word::Symbol(b':'), Word::Symbol(b':')]) {
            at += 2 + cast(&words[at + 2..]);
        } else {
            left.push(words[at].clone());
            at += 1;
        }
    }
    left
}

/// How many words behind `::` are the type.
pub(super) fn cast(words: &[Word]) -> usize {
    const SECOND: [&str; 6] = ["precision", "varying", "with", "without", "time", "zone"];
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let more = match word {
            Word::Name(_) | Word::Quoted(_) if at == 0 => true,
            Word::Name(name) => SECOND.contains(&name.as_str()) || words[at - 1].is_symbol(b'.'),
            Word::Quoted(_) => words[at - 1].is_symbol(b'.'),
            Word::Symbol(b'.') => true,
            _ => false,
        };
        if !more {
            let behind = group(&words[at..]).filter(|_| at > 0);
            match behind {
                Some((_, behind)) => at = words.len() - behind.len(),
                None => break,
            }
            continue;
        }
        at += 1;
    }
    at
}
