//! A statement's tokens without comments, as its classification reads them.

use super::lexer::{Kind, Lexer, Token};
use crate::engine::Dialect;

#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

impl<'a> Item<'a> {
    /// Whether it is this keyword, unquoted.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    pub(super) fn is_symbol(&self, symbol: u8) -> bool {
        self.kind == Kind::Symbol(symbol)
    }

    /// The value of a word, a plain string or a quoted name, in lower case.
    pub(super) fn value(&self) -> String {
        self.text
            .trim_matches(['\'', '"', '`'])
            .to_ascii_lowercase()
    }
}

/// All of a statement, lazily.
pub(super) fn items(dialect: Dialect, sql: &str) -> impl Iterator<Item = Item<'_>> {
    let mut lexer = Lexer::new(dialect, sql, 0);
    std::iter::from_fn(move || {
        loop {
            let Token { kind, start, end } = lexer.next().ok()??;
            match kind {
                Kind::Comment | Kind::OpenExecutable | Kind::CloseExecutable => {}
                kind => {
                    return Some(Item {
                        kind,
                        text: &sql[start..end],
                    });
                }
            }
        }
    })
}

/// The first tokens of a statement.
#[derive(Debug)]
pub(super) struct Words<'a>(pub(super) Vec<Item<'a>>);

impl<'a> Words<'a> {
    pub(super) fn of(dialect: Dialect, sql: &'a str) -> Self {
        Self(items(dialect, sql).take(24).collect())
    }

    /// Whether the token at an index is this keyword.
    pub(super) fn at(&self, index: usize, word: &str) -> bool {
        self.0.get(index).is_some_and(|item| item.is(word))
    }

    pub(super) fn at_any(&self, index: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.at(index, word))
    }

    /// Whether the statement begins with these keywords.
    pub(super) fn starts(&self, words: &[&str]) -> bool {
        words
            .iter()
            .enumerate()
            .all(|(index, word)| self.at(index, word))
    }

    /// Whether a keyword is among the first tokens.
    pub(super) fn has(&self, word: &str) -> bool {
        self.0.iter().any(|item| item.is(word))
    }

    pub(super) fn symbol(&self, index: usize, symbol: u8) -> bool {
        self.0.get(index).is_some_and(|item| item.is_symbol(symbol))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// `name = value` or `name = 'value'` anywhere among the first tokens, the value in lower case.
    pub(super) fn setting(&self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|item| item.is(name))?;
        self.symbol(at + 1, b'=')
            .then(|| self.0.get(at + 2).map(Item::value))?
    }
}

/// Whether a text has a word, whatever its quoting; for bodies that are strings.
pub(super) fn mentions(text: &str, word: &str) -> bool {
    let (bytes, word) = (text.as_bytes(), word.as_bytes());
    let Some(first) = word.first() else {
        return false;
    };
    let is_word = |at: Option<&u8>| at.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    // Files of many megabytes are looked through for each word.
    let candidates = memchr::memchr2_iter(
        first.to_ascii_lowercase(),
        first.to_ascii_uppercase(),
        bytes,
    );
    candidates.into_iter().any(|at| {
        bytes
            .get(at..at + word.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(word))
            && !is_word(at.checked_sub(1).and_then(|before| bytes.get(before)))
            && !is_word(bytes.get(at + word.len()))
    })
}

/// Where `:batch` stands in code; `::batch` is a cast.
pub(super) fn batch_marks(
    dialect: Dialect,
    sql: &str,
) -> impl Iterator<Item = std::ops::Range<usize>> {
    let at = |item: Item<'_>| item.text.as_ptr() as usize - sql.as_ptr() as usize;
    let mut before = 0..0;
    items(dialect, sql).filter_map(move |item| {
        let start = at(item);
        let span = start..start + item.text.len();
        let colon = std::mem::replace(&mut before, span.clone());
        let marks = item.is("batch")
            && colon.end == start
            && sql.get(colon.clone()) == Some(":")
            && !sql[..colon.start].ends_with(':');
        marks.then_some(colon.start..span.end)
    })
}
