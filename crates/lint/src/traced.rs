//! What a run on scratch servers saw, for a report.

use greylag_core::{engine::Engine, trace::Traced as Seen};
use serde::{Deserialize, Serialize};

/// What a run on scratch servers of one engine saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub engine: Engine,
    /// The version of the servers; empty where there were none.
    pub version: String,
    /// How many files were run first, unmeasured.
    pub replayed: usize,
    pub files: Vec<TracedFile>,
    /// What else there is to say: whole sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What was seen of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedFile {
    pub script: String,
    #[serde(flatten)]
    pub seen: Seen,
}

impl Trace {
    pub fn of(&self, script: &str) -> Option<&Seen> {
        let file = self.files.iter().find(|file| file.script == script);
        file.map(|file| &file.seen)
    }
}
