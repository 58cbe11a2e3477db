//! Numbered files: names, versions, checksums, directives, script configuration, placeholders.
//!
//! Flyway's conventions hold. Knows no folder: file names and bytes come in as arguments.

mod checksum;
mod config;
mod directives;
mod duration;
mod error;
mod file;
mod id;
mod name;
pub mod placeholder;
mod set;
mod version;

pub use checksum::flyway_checksum;
pub use config::ScriptConfig;
pub use directives::{Allow, Directives, OnSubscribers, Phase};
pub use duration::{DurationError, parse_duration};
pub use error::{Fault, MigrationError};
pub use file::Migration;
pub use id::{MigrationId, MigrationIdError};
pub use name::{FileName, NameError, Skipped};
pub use set::Set;
pub use version::{Version, VersionError};

#[cfg(test)]
mod tests;
