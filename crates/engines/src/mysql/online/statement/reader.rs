//! Tokens of a statement, one behind the other, and what its clauses say.

use greylag_core::script::{SqlToken, TokenKind};
use std::ops::Range;

pub(super) struct Reader<'a> {
    sql: &'a str,
    pub(super) tokens: &'a [SqlToken],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn at_start(sql: &'a str, tokens: &'a [SqlToken]) -> Self {
        Reader { sql, tokens, at: 0 }
    }

    /// Its head is that of an ALTER TABLE, CREATE INDEX or DROP INDEX.
    pub(super) fn changes_a_table(mut self) -> bool {
        let verb = self.next_upper();
        self.takes(&["OR", "REPLACE"]);
        self.takes_any(&["ONLINE", "OFFLINE"]);
        self.takes(&["IGNORE"]);
        self.takes_any(&["UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR"]);
        match verb.as_str() {
            "ALTER" => self.takes(&["TABLE"]),
            "CREATE" | "DROP" => self.takes(&["INDEX"]),
            _ => false,
        }
    }

    pub(super) fn text(&self, at: usize) -> &'a str {
        self.tokens
            .get(at)
            .map_or("", |token| &self.sql[token.span.clone()])
    }

    /// A word in capitals; empty for anything else.
    pub(super) fn upper(&self, at: usize) -> String {
        match self.tokens.get(at) {
            Some(token) if token.kind == TokenKind::Word => self.text(at).to_ascii_uppercase(),
            _ => String::new(),
        }
    }

    pub(super) fn next_upper(&mut self) -> String {
        self.at += 1;
        self.upper(self.at - 1)
    }

    pub(super) fn takes(&mut self, words: &[&str]) -> bool {
        let follow = (words.iter().enumerate()).all(|(i, word)| self.upper(self.at + i) == **word);
        if follow {
            self.at += words.len();
        }
        follow
    }

    pub(super) fn takes_any(&mut self, words: &[&str]) -> bool {
        let follows = words.contains(&self.upper(self.at).as_str());
        self.at += usize::from(follows);
        follows
    }

    pub(super) fn is_symbol(&self, at: usize, symbol: u8) -> bool {
        self.tokens
            .get(at)
            .is_some_and(|token| token.kind == TokenKind::Symbol(symbol))
    }

    /// A name, plain or quoted.
    pub(super) fn name(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at)?;
        let text = self.text(self.at);
        let quoted = |mark: char| {
            let inner = text.strip_prefix(mark)?.strip_suffix(mark)?;
            Some(inner.replace(&format!("{mark}{mark}"), &mark.to_string()))
        };
        let name = match token.kind {
            TokenKind::Word => text.to_owned(),
            TokenKind::Name => quoted('`')?,
            TokenKind::String => quoted('"')?,
            TokenKind::Symbol(_) => return None,
        };
        self.at += 1;
        Some(name)
    }

    pub(super) fn table(&mut self) -> Option<(Option<String>, String)> {
        let first = self.name()?;
        if self.is_symbol(self.at, b'.') {
            self.at += 1;
            return Some((Some(first), self.name()?));
        }
        Some((None, first))
    }

    /// The table of a statement that [changes one](Self::changes_a_table), whatever else it says.
    pub(super) fn table_at_least(mut self) -> Option<(Option<String>, String)> {
        let behind = match self.upper(0).as_str() {
            "ALTER" => "TABLE",
            _ => "ON",
        };
        while self.at < self.tokens.len() && self.upper(self.at) != behind {
            self.at += 1;
        }
        self.at += 1;
        self.takes(&["IF", "EXISTS"]);
        self.table()
    }

    /// MariaDB's `WAIT 5` and `NOWAIT`.
    pub(super) fn skip_patience(&mut self) {
        if self.takes(&["WAIT"]) {
            self.at += 1;
        }
        self.takes(&["NOWAIT"]);
    }

    pub(super) fn start(&self, at: usize) -> usize {
        self.tokens.get(at).map_or_else(
            || self.tokens.last().map_or(0, |token| token.span.end),
            |token| token.span.start,
        )
    }

    pub(super) fn end(&self) -> usize {
        self.tokens.last().map_or(0, |token| token.span.end)
    }

    /// The clauses: what stands between commas that are in no brackets.
    pub(super) fn parts(&self, from: usize) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let (mut begin, mut depth) = (from, 0_usize);
        for at in from..self.tokens.len() {
            match self.tokens[at].kind {
                TokenKind::Symbol(b'(') => depth += 1,
                TokenKind::Symbol(b')') => depth = depth.saturating_sub(1),
                TokenKind::Symbol(b',') if depth == 0 => {
                    parts.push(begin..at);
                    begin = at + 1;
                }
                _ => {}
            }
        }
        parts.push(begin..self.tokens.len());
        parts
    }

    /// A clause that reads and writes no row. Options of the table may stand side by side in one, and what is said of partitions behind it.
    pub(super) fn is_metadata(&self, part: &Range<usize>) -> bool {
        let word = |i: usize| self.upper_within(part, i);
        let says = |wanted: &str| part.clone().any(|at| self.upper(at) == wanted);
        if says("PARTITION") || says("PARTITIONING") {
            return false;
        }
        match (word(0).as_str(), word(1).as_str()) {
            // By this name it is the primary key, and the table is written anew.
            ("DROP", "INDEX" | "KEY" | "CONSTRAINT") => !(part.clone()).any(|at| {
                self.text(at)
                    .trim_matches('`')
                    .eq_ignore_ascii_case("PRIMARY")
            }),
            ("DROP", "FOREIGN" | "CHECK") | ("RENAME" | "ALTER", _) => true,
            ("ENABLE" | "DISABLE", "KEYS") => true,
            (first, _) if is_remark(first) => {
                part.len() == 2 || part.len() == 3 && self.is_symbol(part.start + 1, b'=')
            }
            _ => false,
        }
    }

    pub(super) fn upper_within(&self, part: &Range<usize>, i: usize) -> String {
        match part.start + i < part.end {
            true => self.upper(part.start + i),
            false => String::new(),
        }
    }

    /// `ALGORITHM = x` or `ALGORITHM x`, outside of brackets.
    pub(super) fn says(&self, from: usize, word: &str, values: &[&str]) -> bool {
        let mut depth = 0_usize;
        (from..self.tokens.len()).any(|at| {
            match self.tokens[at].kind {
                TokenKind::Symbol(b'(') => depth += 1,
                TokenKind::Symbol(b')') => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
                && self.upper(at) == word
                && (self.is_symbol(at + 1, b'=') || values.contains(&self.upper(at + 1).as_str()))
        })
    }

    pub(super) fn has_word(&self, from: usize, word: &str) -> bool {
        (from..self.tokens.len()).any(|at| self.upper(at) == word)
    }
}

/// An option of the table that says something about it, or for rows to come.
fn is_remark(word: &str) -> bool {
    matches!(word, "COMMENT" | "AUTO_INCREMENT") || word.starts_with("STATS_")
}
