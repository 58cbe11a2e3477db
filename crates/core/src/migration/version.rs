//! Versions, ordered as Flyway orders them.

use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt, hash, str::FromStr};

/// A version such as `1.10_2`: parts are numbers of any size, `_` and `.` both separate, missing parts are 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// Canonical text: parts joined with `.`, as it stands in the history table.
    text: String,
    /// Each part's decimal digits without leading zeros; trailing zero parts dropped, so that `1` equals `1.0`.
    parts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a version: digits in parts separated by `.` or `_` are expected, such as `1`, `2.1` or `20260131_1`"
)]
pub struct VersionError(pub String);

impl Version {
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(given: &str) -> Result<Self, VersionError> {
        let text = given.replace('_', ".");
        let mut parts = Vec::new();
        for part in text.split('.') {
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(VersionError(given.to_owned()));
            }
            parts.push(part.trim_start_matches('0').to_owned());
        }
        while parts.last().is_some_and(String::is_empty) {
            parts.pop();
        }
        Ok(Self { text, parts })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let longest = self.parts.len().max(other.parts.len());
        (0..longest)
            .map(|i| {
                let a = self.parts.get(i).map_or("", String::as_str);
                let b = other.parts.get(i).map_or("", String::as_str);
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Version {}

impl hash::Hash for Version {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.parts.hash(state);
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;
    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.text
    }
}
