//! A table of the project file, read key by key; what nobody asked for is a mistake.
//!
//! Knows TOML and places, not what the keys mean.

use super::{duration::parse_duration, problem::Problems, size::parse_size};
use std::{cell::RefCell, ops::Range, path::PathBuf, time::Duration};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// A table under reading. Each key asked for becomes a known one; [`Section::finish`] reports the rest.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    /// As a person would say it: `[rollout]`, `[[shard]]`.
    pub title: String,
    pub span: Range<usize>,
    table: &'a DeTable<'a>,
    problems: &'a Problems,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub(crate) fn new(
        title: impl Into<String>,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        problems: &'a Problems,
    ) -> Self {
        Self {
            title: title.into(),
            span,
            table,
            problems,
            known: RefCell::default(),
        }
    }

    pub(crate) fn problems(&self) -> &'a Problems {
        self.problems
    }

    /// The raw value of a key.
    pub(crate) fn value(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    /// Where the key's value is, or the section where it has none.
    pub(crate) fn place(&self, key: &str) -> Range<usize> {
        self.table
            .get(key)
            .map_or_else(|| self.span.clone(), Spanned::span)
    }

    pub(crate) fn string(&self, key: &'static str) -> Option<At<String>> {
        let value = self.value(key)?;
        self.text_of(key, value)
    }

    /// A string that must be there and not be empty.
    pub(crate) fn required(&self, key: &'static str, hint: &str) -> Option<At<String>> {
        if !self.table.contains_key(key) {
            self.known.borrow_mut().push(key);
            self.problems.add(
                self.span.clone(),
                format!("{} lacks `{key}`", self.title),
                Some(hint.to_owned()),
            );
            return None;
        }
        let found = self.string(key)?;
        if found.value.trim().is_empty() {
            self.problems.add(
                found.span,
                format!("`{key}` is empty"),
                Some(hint.to_owned()),
            );
            return None;
        }
        Some(found)
    }

    pub(crate) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong_kind(key, value, "true or false", None);
        }
        found
    }

    /// A whole number within limits.
    pub(crate) fn number(&self, key: &'static str, least: u32) -> Option<u32> {
        let value = self.value(key)?;
        match integer(value.get_ref()) {
            Some(n) if u32::try_from(n).is_ok_and(|n| n >= least) => u32::try_from(n).ok(),
            Some(n) => {
                let message = format!("`{key}` is {n}, and must be at least {least}");
                self.problems.add(value.span(), message, None);
                None
            }
            None => {
                self.wrong_kind(key, value, "a whole number", None);
                None
            }
        }
    }

    pub(crate) fn duration(&self, key: &'static str) -> Option<Duration> {
        let value = self.value(key)?;
        let Some(text) = value.get_ref().as_str() else {
            let hint = match integer(value.get_ref()) {
                Some(n) => format!("write the unit too: `{key} = \"{n}s\"`"),
                None => format!("write `{key} = \"5s\"`"),
            };
            self.wrong_kind(key, value, "a duration in quotes", Some(hint));
            return None;
        };
        match parse_duration(text) {
            Ok(found) => Some(found),
            Err(error) => {
                let hint = "durations look like `250ms`, `5s`, `10m`, `2h`, `1d` or `1h30m`";
                self.problems
                    .add(value.span(), format!("`{key}`: {error}"), hint.to_owned());
                None
            }
        }
    }

    /// A number of bytes, or a number with its unit.
    pub(crate) fn size(&self, key: &'static str) -> Option<u64> {
        let value = self.value(key)?;
        if integer(value.get_ref()).is_some() {
            return self.count(key);
        }
        let text = self.text_of(key, value)?;
        let size = parse_size(&text.value);
        if size.is_none() {
            self.problems.add(
                text.span,
                format!("`{key}` is no size: `{}`", text.value),
                "sizes look like `512MB`, `16GB` or `4096` (bytes)".to_owned(),
            );
        }
        size
    }

    /// A string or a list of strings.
    pub(crate) fn strings(&self, key: &'static str) -> Option<Vec<At<String>>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(vec![At {
                value: text.to_string(),
                span: value.span(),
            }]),
            DeValue::Array(items) => Some(
                items
                    .iter()
                    .filter_map(|item| self.text_of(key, item))
                    .collect(),
            ),
            _ => {
                self.wrong_kind(key, value, "a string or a list of strings", None);
                None
            }
        }
    }

    /// A table of strings; numbers and booleans are taken as they are written.
    pub(crate) fn words(&self, key: &'static str) -> Vec<(At<String>, At<String>)> {
        let Some(section) = self.section(key, &format!("`{key}`")) else {
            return Vec::new();
        };
        section
            .table
            .iter()
            .filter_map(|(name, value)| {
                let text = match value.get_ref() {
                    DeValue::String(text) => text.to_string(),
                    DeValue::Integer(n) => n.to_string(),
                    DeValue::Float(n) => n.to_string(),
                    DeValue::Boolean(b) => b.to_string(),
                    _ => {
                        self.wrong_kind(name.get_ref(), value, "a string", None);
                        return None;
                    }
                };
                let name = At {
                    value: name.get_ref().to_string(),
                    span: name.span(),
                };
                let text = At {
                    value: text,
                    span: value.span(),
                };
                Some((name, text))
            })
            .collect()
    }

    pub(crate) fn section(&self, key: &'static str, title: &str) -> Option<Section<'a>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Section::new(title, table, value.span(), self.problems)),
            DeValue::Array(items) if items.iter().all(|i| i.get_ref().is_table()) => {
                let hint = format!("write it once, as `[{key}]`");
                let message = format!("`{key}` is one table, not a list of them");
                self.problems.add(value.span(), message, hint);
                None
            }
            _ => {
                self.wrong_kind(key, value, "a table", None);
                None
            }
        }
    }

    /// Each key with the table that it holds.
    pub(crate) fn each(&self) -> impl Iterator<Item = (String, Section<'a>)> {
        self.table.iter().filter_map(|(key, value)| {
            let name = key.get_ref().to_string();
            match value.get_ref() {
                DeValue::Table(table) => {
                    let title = format!("{}.{name}", self.title.trim_end_matches(']'));
                    let title = format!("{title}]");
                    Some((
                        name,
                        Section::new(title, table, value.span(), self.problems),
                    ))
                }
                _ => {
                    self.wrong_kind(&name, value, "a table", None);
                    None
                }
            }
        })
    }

    /// A whole number that is not below zero, of any size.
    pub(crate) fn count(&self, key: &'static str) -> Option<u64> {
        let value = self.value(key)?;
        let found = integer(value.get_ref()).and_then(|n| u64::try_from(n).ok());
        if found.is_none() {
            self.wrong_kind(key, value, "a whole number from 0 on", None);
        }
        found
    }

    /// The tables of a `[[key]]` list.
    pub(crate) fn sections(&self, key: &'static str, title: &str) -> Vec<Section<'a>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        let hint = format!("each of them begins with a line `{title}`");
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_kind(key, value, "a list of tables", Some(hint));
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| match item.get_ref() {
                DeValue::Table(table) => {
                    Some(Section::new(title, table, item.span(), self.problems))
                }
                _ => {
                    self.wrong_kind(key, item, "a table", Some(hint.clone()));
                    None
                }
            })
            .collect()
    }

    /// Reports each key that nobody asked for, with the nearest known one.
    pub(crate) fn finish(self) {
        let known = self.known.borrow();
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let message = format!("{} has no key `{name}`", self.title);
            self.problems
                .add(key.span(), message, nearest(name, &known));
        }
    }

    /// `found` where one of `expected` was wanted.
    pub(crate) fn wrong_kind(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        expected: &str,
        hint: Option<String>,
    ) {
        let found = match value.get_ref() {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "a number",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let message = format!("`{key}` is {found}, and must be {expected}");
        self.problems.add(value.span(), message, hint);
    }

    fn text_of(&self, key: &'static str, value: &Spanned<DeValue<'_>>) -> Option<At<String>> {
        match value.get_ref() {
            DeValue::String(text) => Some(At {
                value: text.to_string(),
                span: value.span(),
            }),
            _ => {
                self.wrong_kind(key, value, "a string", None);
                None
            }
        }
    }
}

impl At<String> {
    pub(crate) fn path(self) -> At<PathBuf> {
        At {
            value: PathBuf::from(self.value),
            span: self.span,
        }
    }
}

pub(crate) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// The known word that a mistaken one probably means, or all of them when there are few.
pub(crate) fn nearest(name: &str, known: &[&str]) -> Option<String> {
    let plain = |word: &str| word.to_lowercase().replace(['_', ' '], "-");
    let name = plain(name);
    let best = known
        .iter()
        .map(|word| (strsim::damerau_levenshtein(&name, &plain(word)), *word))
        .min()?;
    if best.0 <= 1 + name.chars().count() / 4 {
        return Some(format!("did you mean `{}`?", best.1));
    }
    let inside = known
        .iter()
        .find(|word| word.starts_with(&name) || name.starts_with(**word));
    if let Some(word) = inside {
        return Some(format!("did you mean `{word}`?"));
    }
    let mut all: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
    all.sort();
    Some(format!("known here: {}", all.join(", ")))
}
