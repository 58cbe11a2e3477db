//! What is wrong with a migration file, and where.

use super::{duration::DurationError, name::NameError};
use crate::{
    script::ScriptFault,
    source::{Position, Source},
};
use std::{ops::Range, sync::Arc};

/// One fault in one file, with what a message needs to draw it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{script}:{position}: {fault}")]
pub struct MigrationError {
    /// The file's path relative to its migrations folder.
    pub script: String,
    /// The file's text, as far as it could be read.
    pub text: Arc<str>,
    /// The bytes of `text` that are at fault.
    pub span: Range<usize>,
    pub position: Position,
    pub fault: Box<Fault>,
    /// How to mend it, as a whole sentence.
    pub hint: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("the file is not UTF-8: byte {byte:#04x} at offset {offset}")]
    NotUtf8 { offset: usize, byte: u8 },
    #[error("the file has a NUL byte at offset {offset}")]
    Nul { offset: usize },
    #[error("unknown directive `{name}`")]
    UnknownDirective { name: String },
    #[error("directives are written as `-- greylag:…`")]
    DirectiveForm,
    #[error("the directive `{name}` stands after the first statement")]
    LateDirective { name: String },
    #[error("the directive `{name}` is given twice")]
    RepeatedDirective { name: String },
    #[error("the directive `{name}` has no value")]
    EmptyDirective { name: String },
    #[error("`{value}` is no value of the directive `{name}`")]
    DirectiveValue { name: String, value: String },
    #[error("a {phase} belongs to a change, and the file names none")]
    NoChange { phase: &'static str },
    #[error("`:batch` belongs to backfills, and this file is none")]
    BatchOutsideBackfill,
    #[error("a backfill needs `:batch` in its statement, and this file has none")]
    NoBatch,
    #[error(transparent)]
    Duration(#[from] DurationError),
    #[error("`{line}` is not a setting: `key=value` is expected")]
    ConfigForm { line: String },
    #[error("unknown setting `{key}`")]
    UnknownSetting { key: String },
    #[error("the setting `{key}` is given twice")]
    RepeatedSetting { key: String },
    #[error("`{value}` is neither `true` nor `false`")]
    NotBoolean { value: String },
    #[error("the setting `{key}` is not supported")]
    UnsupportedSetting { key: String },
    #[error("the encoding `{encoding}` is not supported: files are read as UTF-8")]
    Encoding { encoding: String },
    #[error("{}", missing(.names))]
    MissingPlaceholders { names: Vec<String> },
    #[error("the placeholder that begins here has no closing `}}`")]
    OpenPlaceholder,
    #[error("version {version} is taken by `{other}` too")]
    DuplicateVersion { version: String, other: String },
    #[error("the repeatable description `{description}` is taken by `{other}` too")]
    DuplicateRepeatable { description: String, other: String },
    #[error(transparent)]
    Script(#[from] ScriptFault),
}

impl MigrationError {
    /// A fault at a span of a text that is the file itself.
    pub(crate) fn new(
        script: &str,
        source: &Source,
        span: Range<usize>,
        fault: impl Into<Fault>,
        hint: impl Into<Option<String>>,
    ) -> Self {
        Self {
            script: script.to_owned(),
            text: source.file().clone(),
            position: source.position(span.start),
            span: source.file_span(span),
            fault: Box::new(fault.into()),
            hint: hint.into(),
        }
    }
}

fn missing(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`${{{name}}}`")).collect();
    let noun = if names.len() == 1 {
        "placeholder has"
    } else {
        "placeholders have"
    };
    format!("the {noun} no value: {}", names.join(", "))
}
