//! All that was found, and how much was looked at.

use crate::{
    finding::{Finding, Place, Severity},
    traced::Trace,
};
use serde::{Deserialize, Serialize};

/// All that was found, and how much was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// By file in the order given, then by place, then by rule.
    pub findings: Vec<Finding>,
    pub coverage: Coverage,
    /// What runs on scratch servers saw.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<Trace>,
}

/// How much was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Files judged; those that only came before are not counted.
    pub files: usize,
    /// Statements of those files.
    pub statements: usize,
    /// Statements that were read and judged whole.
    pub judged: usize,
    /// The rest, each with its reason.
    pub unjudged: Vec<Unjudged>,
    /// Rules that were not asked about a file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unasked: Vec<Unasked>,
}

/// Some rules were not asked about a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unasked {
    pub script: String,
    /// Which, and why.
    pub why: String,
}

/// A statement, or a whole file, that could not be judged: nobody knows whether it is safe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unjudged {
    pub script: String,
    /// Counted from 0. None: the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<usize>,
    pub start: Place,
    /// Its first words.
    pub excerpt: String,
    /// Why, as the rest of a sentence that begins with "can't be judged: ".
    pub why: String,
}

impl Report {
    /// The gravest finding that nothing allows.
    pub fn worst(&self) -> Option<Severity> {
        let open = self.findings.iter().filter(|f| f.allowed.is_none());
        open.map(|finding| finding.severity).max()
    }

    /// Whether anything holds a migration.
    pub fn holds(&self) -> bool {
        self.findings.iter().any(Finding::holds)
    }

    /// The findings about one file.
    pub fn of<'a>(&'a self, script: &'a str) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(move |f| f.script == script)
    }
}

impl Coverage {
    /// Judged statements of a hundred, rounded down; a hundred where there are none, and none where no file could be read.
    pub fn percent(&self) -> usize {
        match self.statements {
            0 if !self.unjudged.is_empty() => 0,
            0 => 100,
            all => self.judged * 100 / all,
        }
    }
}
