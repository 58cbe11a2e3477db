//! Versions of servers, as far as they decide what an operation does.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A server's version. What is left out is 0: `15` is 15.0.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerVersion {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no server version: `15.4` or `8.0.29` is expected")]
pub struct VersionError(pub String);

impl ServerVersion {
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }
}

impl FromStr for ServerVersion {
    type Err = VersionError;

    /// Takes what servers say of themselves too: `15.18 (Debian 15.18-0)`, `10.11.19-MariaDB-1`.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        let wrong = || VersionError(text.to_owned());
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let mut parts = text[..end].split('.').map(str::parse::<u32>);
        let mut next = || match parts.next() {
            None => Ok(0),
            Some(part) => part.map_err(|_| wrong()),
        };
        let version = Self::new(next()?, next()?, next()?);
        if end == 0 { Err(wrong()) } else { Ok(version) }
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 {
            write!(f, ".{}", self.patch)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for ServerVersion {
    type Error = VersionError;
    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<ServerVersion> for String {
    fn from(version: ServerVersion) -> String {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_people_and_servers_write_them() {
        let read = |text: &str| text.parse::<ServerVersion>().unwrap();
        assert_eq!(read("15"), ServerVersion::new(15, 0, 0));
        assert_eq!(read("8.0.29"), ServerVersion::new(8, 0, 29));
        assert_eq!(read("15.18 (Debian)"), ServerVersion::new(15, 18, 0));
        assert_eq!(read("10.11.19-MariaDB-1"), ServerVersion::new(10, 11, 19));
        assert!(read("8.0.4") < read("8.0.12"));
        assert!("MariaDB".parse::<ServerVersion>().is_err());
        assert!("8..1".parse::<ServerVersion>().is_err());
    }
}
