//! Checks of the project's own: SQL, HTTP or a command.

use greylag_core::fleet::ShardName;
use std::{path::PathBuf, time::Duration};

/// One `[[check]]` of the project file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRule {
    pub name: String,
    pub probe: Probe,
    /// How long it may take to answer; past it the answer is no.
    pub timeout: Duration,
    /// How long to wait before it is asked again.
    pub every: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Passes when the first column of the first row is true, on each shard named (none: the anchor).
    Sql {
        query: String,
        shards: Vec<ShardName>,
    },
    /// Passes on a status of 200 to 299.
    Http { url: url::Url },
    /// Passes on exit code 0. Its last line of output is the answer.
    Command {
        argv: Vec<String>,
        /// Where it is run: the project's.
        folder: PathBuf,
    },
}
