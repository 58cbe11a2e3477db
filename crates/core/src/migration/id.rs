//! What names a migration across files, history, plans and events.

use super::version::{Version, VersionError};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A migration's name: `V42`, `R__views` or `U42`. Ordered as they run: versions, then repeatables by description.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum MigrationId {
    Versioned(Version),
    /// By description, with spaces for underscores.
    Repeatable(String),
    /// Undoes the version.
    Undo(Version),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MigrationIdError {
    #[error("`{0}` names no migration: `V42`, `R__description` or `U42` is expected")]
    Form(String),
    #[error(transparent)]
    Version(#[from] VersionError),
}

impl MigrationId {
    /// The version, unless it is a repeatable.
    pub fn version(&self) -> Option<&Version> {
        match self {
            MigrationId::Versioned(version) | MigrationId::Undo(version) => Some(version),
            MigrationId::Repeatable(_) => None,
        }
    }

    pub fn is_repeatable(&self) -> bool {
        matches!(self, MigrationId::Repeatable(_))
    }
}

impl fmt::Display for MigrationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MigrationId::Versioned(version) => write!(f, "V{version}"),
            MigrationId::Repeatable(description) => {
                write!(f, "R__{}", description.replace(' ', "_"))
            }
            MigrationId::Undo(version) => write!(f, "U{version}"),
        }
    }
}

impl FromStr for MigrationId {
    type Err = MigrationIdError;

    fn from_str(text: &str) -> Result<Self, MigrationIdError> {
        if let Some(description) = text.strip_prefix("R__") {
            return Ok(MigrationId::Repeatable(description.replace('_', " ")));
        }
        if let Some(version) = text.strip_prefix('V') {
            return Ok(MigrationId::Versioned(version.parse()?));
        }
        match text.strip_prefix('U') {
            Some(version) => Ok(MigrationId::Undo(version.parse()?)),
            None => Err(MigrationIdError::Form(text.to_owned())),
        }
    }
}

impl TryFrom<String> for MigrationId {
    type Error = MigrationIdError;
    fn try_from(text: String) -> Result<Self, MigrationIdError> {
        text.parse()
    }
}

impl From<MigrationId> for String {
    fn from(id: MigrationId) -> String {
        id.to_string()
    }
}
