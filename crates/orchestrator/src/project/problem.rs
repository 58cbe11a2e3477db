//! Mistakes of a project file, each with its place in the text and how to mend it.

use super::mask::mask;
use std::{cell::RefCell, fmt, ops::Range, sync::Arc};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// Both from 1; columns count characters.
    pub line: usize,
    pub column: usize,
    pub message: String,
    pub hint: Option<String>,
    text: Arc<str>,
}

/// All that is wrong with a file.
#[derive(Clone, Debug)]
pub struct ConfigError {
    /// The file as the person named it.
    pub file: String,
    pub problems: Vec<Problem>,
}

impl Problem {
    /// The whole text of the file, its passwords masked.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Collects mistakes while a file is read on.
#[derive(Debug)]
pub(crate) struct Problems {
    file: String,
    text: Arc<str>,
    /// What may be shown of the text.
    shown: Arc<str>,
    found: RefCell<Vec<Problem>>,
}

impl Problems {
    pub(crate) fn new(file: &str, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            text: text.into(),
            shown: mask(text).into(),
            found: RefCell::default(),
        }
    }

    pub(crate) fn add(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        let (line, column) = self.place(span.start);
        self.found.borrow_mut().push(Problem {
            span,
            line,
            column,
            // A URL in the wrong place is quoted like any other value.
            message: mask(&message.into()),
            hint: hint.into().map(|hint| mask(&hint)),
            text: Arc::clone(&self.shown),
        });
    }

    /// Line and column of a byte, both from 1.
    pub(crate) fn place(&self, at: usize) -> (usize, usize) {
        let text = &*self.text;
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &text[..at];
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        (line, before[start..].chars().count() + 1)
    }

    pub(crate) fn count(&self) -> usize {
        self.found.borrow().len()
    }

    /// The mistakes in the order of the text, or nothing.
    pub(crate) fn into_error(self) -> Option<ConfigError> {
        let mut problems = self.found.into_inner();
        problems.sort_by_key(|p| p.span.start);
        problems.dedup_by(|a, b| a.span == b.span && a.message == b.message);
        (!problems.is_empty()).then_some(ConfigError {
            file: self.file,
            problems,
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => write!(f, "{} has a mistake", self.file),
            n => write!(f, "{} has {n} mistakes", self.file),
        }
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}
