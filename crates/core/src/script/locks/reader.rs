//! Reads a statement's tokens from left to right.

use crate::{
    engine::Dialect,
    script::{
        lexer::Kind,
        words::{Item, items},
    },
};

#[derive(Clone, Debug)]
pub struct Reader<'a> {
    items: Vec<Item<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn of(dialect: Dialect, sql: &'a str) -> Self {
        Self {
            items: items(dialect, sql).collect(),
            at: 0,
        }
    }

    /// Passes over a keyword, if it is the next one.
    pub fn eat(&mut self, word: &str) -> bool {
        let is = self.is(word);
        self.at += usize::from(is);
        is
    }

    /// Passes over these keywords, if all of them come next.
    pub fn eat_all(&mut self, words: &[&str]) -> bool {
        let all = words
            .iter()
            .enumerate()
            .all(|(step, word)| self.peek(step).is_some_and(|item| item.is(word)));
        self.at += if all { words.len() } else { 0 };
        all
    }

    /// Passes over any of these keywords, as many as there are.
    pub fn skip(&mut self, words: &[&str]) {
        while words.iter().any(|word| self.is(word)) {
            self.at += 1;
        }
    }

    pub fn is(&self, word: &str) -> bool {
        self.peek(0).is_some_and(|item| item.is(word))
    }

    pub fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    pub fn is_symbol(&self, symbol: u8) -> bool {
        self.peek(0).is_some_and(|item| item.is_symbol(symbol))
    }

    pub fn eat_symbol(&mut self, symbol: u8) -> bool {
        let is = self.is_symbol(symbol);
        self.at += usize::from(is);
        is
    }

    /// Passes over the next token, whatever it is.
    pub fn pass(&mut self) {
        self.at += 1;
    }

    pub fn is_done(&self) -> bool {
        self.at >= self.items.len()
    }

    /// Whether a keyword is anywhere from here on.
    pub fn has(&self, word: &str) -> bool {
        self.rest().iter().any(|item| item.is(word))
    }

    pub fn rest(&self) -> &[Item<'a>] {
        self.items.get(self.at..).unwrap_or_default()
    }

    /// A name with its schema, as it is written.
    pub fn name(&mut self) -> Option<String> {
        let mut name = self.part()?.to_owned();
        while self.is_symbol(b'.') {
            self.at += 1;
            name.push('.');
            name.push_str(self.part()?);
        }
        Some(name)
    }

    /// Names with commas between; each may be `ONLY`, and may have a `*` or columns behind it.
    pub fn names(&mut self) -> Option<Vec<String>> {
        let mut names = Vec::new();
        loop {
            self.skip(&["ONLY"]);
            names.push(self.name()?);
            self.eat_symbol(b'*');
            if self.is_symbol(b'(') {
                self.pass_group();
            }
            if !self.eat_symbol(b',') {
                return Some(names);
            }
        }
    }

    /// What stands behind a keyword, wherever that is: `ON orders`.
    pub fn name_after(&mut self, word: &str) -> Option<String> {
        while !self.is_done() {
            if self.eat(word) {
                return self.name();
            }
            self.pass();
        }
        None
    }

    /// Passes over a group in parentheses.
    pub fn pass_group(&mut self) {
        let mut depth = 0_usize;
        while let Some(item) = self.peek(0) {
            depth += usize::from(item.is_symbol(b'('));
            let closes = item.is_symbol(b')');
            self.at += 1;
            if closes {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
        }
    }

    /// What is left, cut at the commas outside of parentheses.
    pub fn parts(&self) -> Vec<Reader<'a>> {
        let mut parts = Vec::new();
        let mut part = Vec::new();
        let mut depth = 0_i32;
        for item in self.rest() {
            depth += i32::from(item.is_symbol(b'(')) - i32::from(item.is_symbol(b')'));
            if depth == 0 && item.is_symbol(b',') {
                parts.push(std::mem::take(&mut part));
            } else {
                part.push(*item);
            }
        }
        parts.push(part);
        let reader = |items| Reader { items, at: 0 };
        parts.into_iter().map(reader).collect()
    }

    fn part(&mut self) -> Option<&'a str> {
        let item = self.peek(0)?;
        let text = matches!(item.kind, Kind::Word | Kind::Name).then_some(item.text)?;
        self.at += 1;
        Some(text)
    }

    fn peek(&self, step: usize) -> Option<Item<'a>> {
        self.items.get(self.at + step).copied()
    }
}
