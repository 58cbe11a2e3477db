//! A place in a primary's replication stream, and whether another place has reached it.
//!
//! Knows no server: engines read positions, this compares them. Written as text, so that a journal and an application can
//! carry one: `wal:7391…/1/0/16B3748`, `gtid:3E11FA47-…:1-77`, `domains:0-1-84,7-2-3`, `file:3e11fa47-…/binlog.000003/1542`.

mod gtid;
mod join;
mod text;

pub use gtid::{GtidSet, GtidSetError};
pub use text::PositionError;

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A place in a primary's replication stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Position {
    /// PostgreSQL: an LSN of one timeline of one cluster.
    Wal {
        /// The cluster's system identifier.
        system: String,
        timeline: u32,
        lsn: u64,
    },
    /// MySQL: the set of transactions executed.
    Gtid(GtidSet),
    /// MariaDB: for each replication domain the last server and sequence number.
    Domains(BTreeMap<u32, DomainPlace>),
    /// MySQL or MariaDB without GTIDs: a binary log of one server and the offset in it. Good for one hop.
    File {
        server: String,
        log: String,
        offset: u64,
    },
}

/// Where a MariaDB replication domain stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DomainPlace {
    pub server: u32,
    pub sequence: u64,
}

/// Whether a place has been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Yes,
    No,
    /// The two are of different streams, or of different timelines of one: only the content can tell.
    Incomparable,
}

/// How far one place is behind another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distance {
    Bytes(u64),
    Transactions(u64),
}

impl Position {
    /// Whether this place, as seen on a replica, is at `wanted` or past it.
    pub fn reaches(&self, wanted: &Position) -> Reach {
        match (self, wanted) {
            (
                Position::Wal {
                    system,
                    timeline,
                    lsn,
                },
                Position::Wal {
                    system: of,
                    timeline: on,
                    lsn: at,
                },
            ) if system == of && timeline == on => reached(lsn >= at),
            (Position::Gtid(have), Position::Gtid(wanted)) => reached(have.contains(wanted)),
            (Position::Domains(have), Position::Domains(wanted)) => {
                reached(wanted.iter().all(|(domain, place)| {
                    have.get(domain)
                        .is_some_and(|here| here.sequence >= place.sequence)
                }))
            }
            (
                Position::File {
                    server,
                    log,
                    offset,
                },
                Position::File {
                    server: of,
                    log: wanted,
                    offset: at,
                },
            ) if server == of => {
                reached((log_number(log), log, offset) >= (log_number(wanted), wanted, at))
            }
            _ => Reach::Incomparable,
        }
    }

    /// How far this place is behind `other`; none where they can't be compared, zero where it is not behind.
    pub fn behind(&self, other: &Position) -> Option<Distance> {
        match (self, other) {
            (
                Position::Wal {
                    system,
                    timeline,
                    lsn,
                },
                Position::Wal {
                    system: of,
                    timeline: on,
                    lsn: at,
                },
            ) if system == of && timeline == on => Some(Distance::Bytes(at.saturating_sub(*lsn))),
            (Position::Gtid(have), Position::Gtid(all)) => {
                Some(Distance::Transactions(all.count_without(have)))
            }
            (Position::Domains(have), Position::Domains(all)) => Some(Distance::Transactions(
                all.iter()
                    .map(|(domain, place)| {
                        let here = have.get(domain).map_or(0, |here| here.sequence);
                        place.sequence.saturating_sub(here)
                    })
                    .sum(),
            )),
            (
                Position::File {
                    server,
                    log,
                    offset,
                },
                Position::File {
                    server: of,
                    log: to,
                    offset: at,
                },
            ) if server == of && log == to => Some(Distance::Bytes(at.saturating_sub(*offset))),
            _ => None,
        }
    }
}

impl Distance {
    pub fn is_zero(self) -> bool {
        matches!(self, Distance::Bytes(0) | Distance::Transactions(0))
    }

    pub fn bytes(self) -> Option<u64> {
        match self {
            Distance::Bytes(bytes) => Some(bytes),
            Distance::Transactions(_) => None,
        }
    }
}

fn reached(yes: bool) -> Reach {
    if yes { Reach::Yes } else { Reach::No }
}

/// Binary logs count on past six digits, so their names do not sort as text.
fn log_number(log: &str) -> u64 {
    log.rsplit('.')
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
