//! Label selectors: `region=eu, tier!=canary, owner, !legacy, zone in (a, b), zone notin (c)`.

use super::Labels;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// Which shards are meant, by their labels. All terms must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Selector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Has(String),
    Lacks(String),
    Is(String, String),
    /// Holds for a shard without the label too.
    IsNot(String, String),
    In(String, BTreeSet<String>),
    /// Holds for a shard without the label too.
    NotIn(String, BTreeSet<String>),
}

/// What is wrong, and at which character.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the selector `{selector}` has {found} at character {at}, where {expected} is expected\n  {selector}\n  {}^", " ".repeat(at - 1))]
pub struct SelectorError {
    pub selector: String,
    /// From 1.
    pub at: usize,
    pub found: String,
    pub expected: &'static str,
}

impl Selector {
    pub fn matches(&self, labels: &Labels) -> bool {
        self.terms.iter().all(|term| term.holds(labels))
    }
}

impl Term {
    fn holds(&self, labels: &Labels) -> bool {
        match self {
            Term::Has(key) => labels.contains_key(key),
            Term::Lacks(key) => !labels.contains_key(key),
            Term::Is(key, value) => labels.get(key) == Some(value),
            Term::IsNot(key, value) => labels.get(key) != Some(value),
            Term::In(key, values) => labels.get(key).is_some_and(|v| values.contains(v)),
            Term::NotIn(key, values) => !labels.get(key).is_some_and(|v| values.contains(v)),
        }
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let mut parser = Parser { text, at: 0 };
        let mut terms = vec![parser.term()?];
        while parser.eat(",") {
            terms.push(parser.term()?);
        }
        parser.blanks();
        if parser.at < text.len() {
            return Err(parser.error("`,` or the end"));
        }
        Ok(Selector { terms })
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn term(&mut self) -> Result<Term, SelectorError> {
        if self.eat("!") {
            return Ok(Term::Lacks(self.word("a label's name")?));
        }
        let key = self.word("a label's name")?;
        if self.eat("!=") {
            return Ok(Term::IsNot(key, self.word("a value")?));
        }
        if self.eat("==") || self.eat("=") {
            return Ok(Term::Is(key, self.word("a value")?));
        }
        let start = self.at;
        match self.word("").as_deref() {
            Ok("in") => Ok(Term::In(key, self.values()?)),
            Ok("notin") => Ok(Term::NotIn(key, self.values()?)),
            Ok(_) => {
                self.at = start;
                self.blanks();
                Err(self.error("`=`, `!=`, `in (…)`, `notin (…)`, `,` or the end"))
            }
            Err(_) => {
                self.at = start;
                Ok(Term::Has(key))
            }
        }
    }

    fn values(&mut self) -> Result<BTreeSet<String>, SelectorError> {
        if !self.eat("(") {
            self.blanks();
            return Err(self.error("`(`"));
        }
        let mut values = BTreeSet::from([self.word("a value")?]);
        while self.eat(",") {
            values.insert(self.word("a value")?);
        }
        if !self.eat(")") {
            self.blanks();
            return Err(self.error("`,` or `)`"));
        }
        Ok(values)
    }

    fn word(&mut self, expected: &'static str) -> Result<String, SelectorError> {
        self.blanks();
        let rest = &self.text[self.at..];
        let ends = |c: char| c.is_whitespace() || ",()=!".contains(c);
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        if word.is_empty() {
            return Err(self.error(expected));
        }
        self.at += word.len();
        Ok(word.to_owned())
    }

    fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        let found = self.text[self.at..].starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn error(&self, expected: &'static str) -> SelectorError {
        let found = match self.text[self.at..].chars().next() {
            Some(c) => format!("`{}`", c.escape_debug()),
            None => "its end".to_owned(),
        };
        SelectorError {
            selector: self.text.to_owned(),
            at: self.text[..self.at].chars().count() + 1,
            found,
            expected,
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &BTreeSet<String>| {
            values
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self {
            Term::Has(key) => write!(f, "{key}"),
            Term::Lacks(key) => write!(f, "!{key}"),
            Term::Is(key, value) => write!(f, "{key}={value}"),
            Term::IsNot(key, value) => write!(f, "{key}!={value}"),
            Term::In(key, values) => write!(f, "{key} in ({})", list(values)),
            Term::NotIn(key, values) => write!(f, "{key} notin ({})", list(values)),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<String> = self.terms.iter().map(ToString::to_string).collect();
        f.write_str(&terms.join(","))
    }
}

impl TryFrom<String> for Selector {
    type Error = SelectorError;
    fn try_from(text: String) -> Result<Self, SelectorError> {
        text.parse()
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> String {
        selector.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        selector.parse::<Selector>().unwrap().matches(&labels)
    }

    #[test]
    fn all_terms_must_hold() {
        let eu = [("region", "eu"), ("tier", "canary")];
        for (selector, holds) in [
            ("region=eu", true),
            ("region == eu", true),
            ("region=us", false),
            ("region!=us", true),
            ("zone!=a", true),
            ("tier", true),
            ("zone", false),
            ("!zone", true),
            ("!tier", false),
            ("region in (us, eu)", true),
            ("region in (us)", false),
            ("region notin (us,ap)", true),
            ("zone notin (a)", true),
            ("zone in (a)", false),
            ("region=eu, tier in (canary,small), !zone", true),
            ("region=eu,tier=fleet", false),
        ] {
            assert_eq!(matches(selector, &eu), holds, "{selector}");
        }
    }

    #[test]
    fn a_selector_reads_back_as_it_is_shown() {
        for text in ["a=b,c!=d,e,!f,g in (h, i),j notin (k)", "region=eu"] {
            let selector: Selector = text.parse().unwrap();
            assert_eq!(selector.to_string(), text);
        }
    }

    #[test]
    fn errors_point_at_the_character() {
        for (text, at, found, expected) in [
            ("", 1, "its end", "a label's name"),
            ("a=", 3, "its end", "a value"),
            ("a=b,", 5, "its end", "a label's name"),
            ("=b", 1, "`=`", "a label's name"),
            (
                "a b",
                3,
                "`b`",
                "`=`, `!=`, `in (…)`, `notin (…)`, `,` or the end",
            ),
            ("ä in x", 6, "`x`", "`(`"),
            ("a in (b c)", 9, "`c`", "`,` or `)`"),
            ("a in ()", 7, "`)`", "a value"),
            ("a=b)", 4, "`)`", "`,` or the end"),
        ] {
            let error = text.parse::<Selector>().unwrap_err();
            assert_eq!(
                (error.at, error.found.as_str(), error.expected),
                (at, found, expected),
                "{text}"
            );
        }
    }
}
