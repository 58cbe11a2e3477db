//! A place among a statement's tokens.

use crate::operation::{Bytes, Name};
use greylag_core::{
    engine::Dialect,
    script::{SqlToken, TokenKind, tokens},
};
use std::rc::Rc;

/// More tokens than this say nothing about a schema: they are rows.
const LONGEST: usize = 100_000;

/// A place among a statement's tokens. Spans are those of the whole text.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    pub(super) dialect: Dialect,
    text: &'a str,
    /// Shared by the cursors over parts of a statement: there may be one for each pair of parentheses.
    tokens: Rc<[SqlToken]>,
    at: usize,
    end: usize,
    /// Where the statement's text ends, read or not.
    last: usize,
    /// There were more tokens.
    pub(super) cut: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(dialect: Dialect, text: &'a str, span: Bytes) -> Self {
        let (start, last) = (span.start, span.end);
        let mut tokens: Vec<SqlToken> = tokens(dialect, &text[span])
            .take(LONGEST + 1)
            .map(|token| SqlToken {
                kind: token.kind,
                span: token.span.start + start..token.span.end + start,
            })
            .collect();
        let cut = tokens.len() > LONGEST;
        tokens.truncate(LONGEST);
        let end = tokens.len();
        Self {
            dialect,
            text,
            tokens: tokens.into(),
            at: 0,
            end,
            last,
            cut,
        }
    }

    /// Some bytes of the same text, read from their beginning.
    pub(super) fn over(&self, span: Bytes) -> Cursor<'a> {
        Cursor::new(self.dialect, self.text, span)
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.end
    }

    pub(super) fn mark(&self) -> usize {
        self.at
    }

    pub(super) fn back(&mut self, mark: usize) {
        self.at = mark;
    }

    pub(super) fn advance(&mut self) {
        self.at = (self.at + 1).min(self.end);
    }

    pub(super) fn kind(&self) -> Option<TokenKind> {
        self.kind_at(0)
    }

    pub(super) fn kind_at(&self, ahead: usize) -> Option<TokenKind> {
        let at = self.at + ahead;
        (at < self.end).then(|| self.tokens[at].kind)
    }

    pub(super) fn text(&self) -> &'a str {
        self.text_at(0)
    }

    pub(super) fn text_at(&self, ahead: usize) -> &'a str {
        let at = self.at + ahead;
        if at < self.end {
            &self.text[self.tokens[at].span.clone()]
        } else {
            ""
        }
    }

    /// Whether the next token is this keyword.
    pub(super) fn is(&self, word: &str) -> bool {
        self.is_at(0, word)
    }

    pub(super) fn is_at(&self, ahead: usize, word: &str) -> bool {
        self.kind_at(ahead) == Some(TokenKind::Word)
            && self.text_at(ahead).eq_ignore_ascii_case(word)
    }

    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    pub(super) fn is_symbol(&self, symbol: u8) -> bool {
        self.kind() == Some(TokenKind::Symbol(symbol))
    }

    pub(super) fn eat(&mut self, word: &str) -> bool {
        let found = self.is(word);
        if found {
            self.advance();
        }
        found
    }

    /// All of these words, or none.
    pub(super) fn eat_all(&mut self, words: &[&str]) -> bool {
        let found = words.iter().enumerate().all(|(i, w)| self.is_at(i, w));
        if found {
            self.at += words.len();
        }
        found
    }

    pub(super) fn eat_any(&mut self, words: &[&str]) -> bool {
        let found = self.is_any(words);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn eat_symbol(&mut self, symbol: u8) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn if_exists(&mut self) -> bool {
        self.eat_all(&["IF", "EXISTS"])
    }

    pub(super) fn if_not_exists(&mut self) -> bool {
        self.eat_all(&["IF", "NOT", "EXISTS"])
    }

    /// CASCADE or RESTRICT.
    pub(super) fn cascade(&mut self) -> bool {
        let cascade = self.eat("CASCADE");
        self.eat("RESTRICT");
        cascade
    }

    /// One identifier, folded.
    pub(super) fn ident(&mut self) -> Option<String> {
        let folded = match self.kind()? {
            TokenKind::Word => self.folded(),
            TokenKind::Name => self.unquoted(),
            // SQLite and MySQL take a string for a name in places.
            TokenKind::String if self.dialect == Dialect::Sqlite => {
                self.text().trim_matches('\'').to_ascii_lowercase()
            }
            _ => return None,
        };
        self.advance();
        Some(folded)
    }

    /// The next token as a name that isn't quoted. PostgreSQL (of UTF-8) and SQLite fold no letters but those of ASCII.
    pub(super) fn folded(&self) -> String {
        match self.dialect {
            Dialect::Mysql => self.text().to_lowercase(),
            Dialect::Postgres | Dialect::Sqlite => self.text().to_ascii_lowercase(),
        }
    }

    /// A name that may be written as a string: a character set, a collation.
    pub(super) fn text_ident(&mut self) -> Option<String> {
        if self.kind() != Some(TokenKind::String) {
            return self.ident();
        }
        let text = self.text().trim_matches(['\'', '"']).to_lowercase();
        self.advance();
        Some(text)
    }

    fn unquoted(&self) -> String {
        let text = self.text();
        let (open, close) = match text.as_bytes().first() {
            Some(b'[') => ("[", "]"),
            Some(b'`') => ("`", "`"),
            _ => ("\"", "\""),
        };
        let inner = text.strip_prefix(open).unwrap_or(text);
        let inner = inner.strip_suffix(close).unwrap_or(inner);
        let inner = inner.replace(&close.repeat(2), close);
        // Only PostgreSQL tells cases apart.
        match self.dialect {
            Dialect::Postgres => inner,
            Dialect::Sqlite => inner.to_ascii_lowercase(),
            Dialect::Mysql => inner.to_lowercase(),
        }
    }

    /// `name` or `schema.name`; of `database.schema.name` the last two.
    pub(super) fn name(&mut self) -> Option<Name> {
        let start = self.offset();
        let mut parts = vec![self.ident()?];
        while self.is_symbol(b'.') {
            self.advance();
            parts.push(self.ident()?);
        }
        let name = parts.pop()?;
        Some(Name {
            schema: parts.pop(),
            name,
            span: start..self.before(),
        })
    }

    pub(super) fn names(&mut self) -> Vec<Name> {
        let mut names = Vec::new();
        loop {
            self.eat("ONLY");
            let Some(name) = self.name() else { break };
            self.eat_symbol(b'*');
            names.push(name);
            if !self.eat_symbol(b',') {
                break;
            }
        }
        names
    }

    /// Where the next token begins; the end where there is none.
    pub(super) fn offset(&self) -> usize {
        if self.at < self.end {
            self.tokens[self.at].span.start
        } else {
            self.before()
        }
    }

    /// Where the last token ended.
    pub(super) fn before(&self) -> usize {
        match self.at.checked_sub(1) {
            Some(at) => self.tokens[at].span.end,
            None => self.tokens.first().map_or(0, |token| token.span.start),
        }
    }

    /// Where the statement's text ends, also where there were too many tokens to read them all.
    pub(super) fn last(&self) -> usize {
        self.last
    }

    /// A group in parentheses, as a cursor over what is within; this one goes behind it.
    pub(super) fn group(&mut self) -> Option<Cursor<'a>> {
        if !self.is_symbol(b'(') {
            return None;
        }
        let open = self.at;
        self.skip_group();
        let mut inner = self.clone();
        inner.at = open + 1;
        inner.end = self.at.saturating_sub(1).max(inner.at);
        Some(inner)
    }

    /// Over a group in parentheses, or over one token.
    pub(super) fn skip_group(&mut self) {
        let mut depth = 0usize;
        while self.at < self.end {
            match self.tokens[self.at].kind {
                TokenKind::Symbol(b'(' | b'[') => depth += 1,
                TokenKind::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// To a comma outside parentheses, or the end.
    pub(super) fn skip_clause(&mut self) -> Bytes {
        self.skip_until(|c| c.is_symbol(b','))
    }

    /// On until `stop` says so outside parentheses, or the end.
    pub(super) fn skip_until(&mut self, stop: impl Fn(&Self) -> bool) -> Bytes {
        let start = self.offset();
        while !self.is_done() && !stop(self) {
            self.skip_group();
        }
        start..self.before().max(start)
    }

    /// On until `stop` says so outside parentheses; whether it did.
    pub(super) fn skip_to(&mut self, stop: impl Fn(&Self) -> bool) -> bool {
        self.skip_until(stop);
        !self.is_done()
    }

    /// The text of some bytes.
    pub(super) fn slice(&self, span: Bytes) -> &'a str {
        &self.text[span]
    }
}
