//! Why the fleet could not be found.

use crate::failure::{Exit, Explained};
use std::fmt;

/// All that is wrong, over all sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoverError {
    pub troubles: Vec<Trouble>,
}

/// One thing that is wrong, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Which source; none where it concerns the fleet as a whole.
    pub source: Option<String>,
    pub message: String,
    pub hint: Option<String>,
}

impl Trouble {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            source: None,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn of(mut self, source: &str) -> Self {
        self.source = Some(source.to_owned());
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "discovery source `{source}`: ")?;
        }
        f.write_str(&self.message)
    }
}

impl fmt::Display for DiscoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.troubles[..] {
            [one] => fmt::Display::fmt(one, f),
            many => write!(f, "the fleet can't be found, for {} reasons", many.len()),
        }
    }
}

impl std::error::Error for DiscoverError {}

impl Explained for DiscoverError {
    /// A source that fails is an error of the day; what the project file itself says wrong is a mistake in it.
    fn exit(&self) -> Exit {
        match self.troubles.iter().any(|trouble| trouble.source.is_some()) {
            true => Exit::Error,
            false => Exit::Usage,
        }
    }

    fn hints(&self) -> Vec<String> {
        self.troubles
            .iter()
            .filter_map(|t| t.hint.clone())
            .collect()
    }
}

/// An error with all its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        next = cause.source();
    }
    text
}
