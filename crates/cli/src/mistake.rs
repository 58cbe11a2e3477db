//! A mistake in a file, to be drawn with the line it is in.

use greylag_core::migration::MigrationError;
use greylag_orchestrator::project;
use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use serde_json::{Value, json};
use std::{fmt, ops::Range};

/// One mistake, with all that drawing it takes.
#[derive(Debug)]
pub struct Mistake {
    pub file: String,
    /// Both from 1.
    pub line: usize,
    pub column: usize,
    message: String,
    hint: Option<String>,
    span: Range<usize>,
    source: NamedSource<String>,
}

impl Mistake {
    pub fn of_project(file: &str, found: &project::Problem) -> Self {
        Self {
            file: file.to_owned(),
            line: found.line,
            column: found.column,
            message: found.message.clone(),
            hint: found.hint.clone(),
            span: found.span.clone(),
            source: NamedSource::new(file, found.text().to_owned()),
        }
    }

    pub fn of_migration(file: &str, error: &MigrationError) -> Self {
        Self {
            file: file.to_owned(),
            line: error.position.line as usize,
            column: error.position.column as usize,
            message: error.fault.to_string(),
            hint: error.hint.clone(),
            span: error.span.clone(),
            source: NamedSource::new(file, error.text.to_string()),
        }
    }

    pub fn has_text(&self) -> bool {
        !self.source.inner().is_empty()
    }

    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub fn document(&self) -> Value {
        json!({
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "hint": self.hint,
        })
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl Diagnostic for Mistake {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let hint = self.hint.as_ref()?;
        Some(Box::new(hint))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_primary_with_span(None, self.span.clone());
        Some(Box::new(std::iter::once(label)))
    }
}
