//! Words, signs and names of a statement, one behind the other.

use super::{Kind, Object};
use crate::mysql::tokens::Token;

pub(super) struct Reader<'a> {
    pub(super) tokens: &'a [Token],
    pub(super) at: usize,
}

impl Reader<'_> {
    pub(super) fn next_upper(&mut self) -> String {
        let word = self.peek();
        self.at += 1;
        word
    }

    pub(super) fn peek(&self) -> String {
        self.tokens
            .get(self.at)
            .map(Token::upper)
            .unwrap_or_default()
    }

    pub(super) fn skip(&mut self, words: &[&str]) {
        while words.contains(&self.peek().as_str()) {
            self.at += 1;
        }
    }

    /// Takes these words if they follow, all of them.
    pub(super) fn takes(&mut self, words: &[&str]) -> bool {
        let follow = words
            .iter()
            .enumerate()
            .all(|(i, w)| self.tokens.get(self.at + i).is_some_and(|t| t.is(w)));
        if follow {
            self.at += words.len();
        }
        follow
    }

    pub(super) fn sign(&mut self, sign: char) -> bool {
        let is = self.tokens.get(self.at) == Some(&Token::Sign(sign));
        self.at += usize::from(is);
        is
    }

    pub(super) fn name(&mut self) -> Option<String> {
        let name = match self.tokens.get(self.at)? {
            Token::Word(name) | Token::Quoted(name) => name.clone(),
            _ => return None,
        };
        self.at += 1;
        Some(name)
    }

    pub(super) fn object(&mut self, kind: Kind) -> Option<Object> {
        let first = self.name()?;
        if self.sign('.') {
            let name = self.name()?;
            return Some(Object {
                kind,
                schema: Some(first),
                name,
            });
        }
        Some(Object {
            kind,
            schema: None,
            name: first,
        })
    }

    pub(super) fn objects(&mut self, kind: Kind) -> Vec<Object> {
        let mut objects = Vec::new();
        while let Some(object) = self.object(kind) {
            objects.push(object);
            if !self.sign(',') {
                break;
            }
        }
        objects
    }

    /// Goes on to the word that says what kind of thing it is.
    pub(super) fn kind(&mut self) -> Option<&'static str> {
        const KINDS: [&str; 16] = [
            "TABLE",
            "VIEW",
            "TRIGGER",
            "PROCEDURE",
            "FUNCTION",
            "EVENT",
            "DATABASE",
            "SCHEMA",
            "INDEX",
            "SEQUENCE",
            "TABLES",
            "USER",
            "ROLE",
            "SERVER",
            "TABLESPACE",
            "PACKAGE",
        ];
        let from = self.at;
        while self.at < self.tokens.len() && self.at < from + 30 {
            let word = self.next_upper();
            if let Some(kind) = KINDS.iter().find(|k| **k == word) {
                return Some(kind);
            }
        }
        None
    }

    pub(super) fn has(&self, words: &[&str]) -> bool {
        (self.at..self.tokens.len()).any(|at| {
            words
                .iter()
                .enumerate()
                .all(|(i, w)| self.tokens.get(at + i).is_some_and(|t| t.is(w)))
        })
    }
}
