//! What running servers have told of themselves, so that the next connection to one need not ask again.
//!
//! A server is known again by the moment it was started at, to the microsecond, which every connection asks: until it is started
//! anew its system identifier stays what it is. Knows nothing of databases: what differs between them is asked each time.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jiff::Timestamp;

/// Of each place the server that answered there last.
static SEEN: LazyLock<Mutex<HashMap<Place, Acquaintance>>> = LazyLock::new(Mutex::default);

/// Where a server was dialled, database included, and by whom: not every role may read the identifier, and not in every database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub dialled: Arc<str>,
    pub user: Arc<str>,
}

/// A server, as it is until it is started anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acquaintance {
    /// In seconds since 1970, as the server writes them.
    pub started: String,
    /// Its system identifier.
    pub lineage: String,
    /// Its own word for where it was reached.
    pub address: Option<String>,
}

impl Place {
    pub fn acquaintance(&self) -> Option<Acquaintance> {
        let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(self).cloned()
    }

    pub fn remember(&self, server: Acquaintance) {
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(self.clone(), server);
    }
}

/// Seconds since 1970 from a moment as a server prints it by itself; none in a style that isn't ISO's. A server takes ten times as
/// long to do the same sum in a fresh session.
pub fn seconds(printed: &str) -> Option<String> {
    let at: Timestamp = printed.parse().ok()?;
    let micros = at.as_microsecond();
    Some(format!(
        "{}.{:06}",
        micros.div_euclid(1_000_000),
        micros.rem_euclid(1_000_000)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_same_in_every_time_zone() {
        for printed in [
            "2026-11-23 06:44:59.000123+00",
            "2026-11-23 12:14:59.000123+05:30",
            "2026-11-22 20:44:59.000123-10",
        ] {
            assert_eq!(seconds(printed).as_deref(), Some("1795416299.000123"));
        }
        let whole = seconds("2026-11-23 06:44:59+00");
        assert_eq!(whole.as_deref(), Some("1795416299.000000"));
    }

    #[test]
    fn a_moment_in_another_style_is_not_guessed_at() {
        for printed in [
            "23.11.2026 06:44:59.000123 UTC",
            "11/23/2026 06:44:59.000123 UTC",
            "Mon Nov 23 06:44:59.000123 2026 UTC",
            "1795416299.000123",
            "",
        ] {
            assert_eq!(seconds(printed), None, "{printed}");
        }
    }
}
