//! Numbered files: names, versions, checksums, directives, script configuration, placeholders.
//!
//! Flyway's conventions hold. Knows no folder: file names and bytes come in as arguments.

mod id;
mod version;

pub use id::{MigrationId, MigrationIdError};
pub use version::{Version, VersionError};

use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// One migration file, read and understood; placeholders are not yet replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    pub id: MigrationId,
    pub description: String,
    /// The file's path relative to its migrations folder, as Flyway's `script` column has it.
    pub script: String,
    /// The file's text, without its byte order mark.
    pub text: Arc<str>,
    /// Flyway's checksum of the file (of a repeatable: before placeholders; see `placeholder`).
    pub checksum: i32,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
    pub directives: Directives,
    pub config: ScriptConfig,
}

/// What the comments at the top of a file ask for (`-- greylag:…`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directives {
    pub phase: Phase,
    pub change: Option<String>,
    /// `-- greylag:transaction on|off`.
    pub transaction: Option<bool>,
    pub requires_app: Vec<String>,
    pub lock_timeout: Option<Duration>,
    pub allow: Vec<Allow>,
    pub verify: Vec<String>,
    pub table: Option<String>,
    pub online: Option<String>,
}

/// `-- greylag:allow RULE because REASON`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allow {
    pub rule: String,
    pub because: String,
}

/// What a migration does to readers and writers of the old schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    #[default]
    Expand,
    Backfill,
    Contract,
}

/// `<file>.sql.conf`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptConfig {
    pub execute_in_transaction: Option<bool>,
    pub placeholder_replacement: Option<bool>,
    pub encoding: Option<String>,
}
