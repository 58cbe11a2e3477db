//! Positions as text.

use super::{DomainPlace, GtidSetError, Position};
use std::{fmt, str::FromStr};

/// Why a text is no position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    #[error(
        "`{text}` is no position: it begins with none of `wal:`, `gtid:`, `domains:` and `file:`"
    )]
    Kind { text: String },
    #[error("`{text}` is no position: {expected} is expected")]
    Shape {
        text: String,
        expected: &'static str,
    },
    #[error("`{text}` is no position")]
    Gtid {
        text: String,
        #[source]
        source: GtidSetError,
    },
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Position::Wal {
                system,
                timeline,
                lsn,
            } => write!(
                f,
                "wal:{system}/{timeline}/{:X}/{:X}",
                lsn >> 32,
                lsn & 0xFFFF_FFFF
            ),
            Position::Gtid(set) => write!(f, "gtid:{set}"),
            Position::Domains(domains) => {
                f.write_str("domains:")?;
                for (at, (domain, place)) in domains.iter().enumerate() {
                    let comma = if at > 0 { "," } else { "" };
                    write!(f, "{comma}{domain}-{}-{}", place.server, place.sequence)?;
                }
                Ok(())
            }
            Position::File {
                server,
                log,
                offset,
            } => write!(f, "file:{server}/{log}/{offset}"),
        }
    }
}

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let shape = |expected| PositionError::Shape {
            text: text.to_owned(),
            expected,
        };
        let Some((kind, rest)) = text.split_once(':') else {
            return Err(PositionError::Kind {
                text: text.to_owned(),
            });
        };
        match kind {
            "wal" => wal(rest).ok_or_else(|| shape("`wal:SYSTEM/TIMELINE/LSN`")),
            "gtid" => rest
                .parse()
                .map(Position::Gtid)
                .map_err(|source| PositionError::Gtid {
                    text: text.to_owned(),
                    source,
                }),
            "domains" => Position::parse_domains(rest)
                .ok_or_else(|| shape("`domains:DOMAIN-SERVER-SEQUENCE,…`")),
            "file" => file(rest).ok_or_else(|| shape("`file:SERVER/LOG/OFFSET`")),
            _ => Err(PositionError::Kind {
                text: text.to_owned(),
            }),
        }
    }
}

impl Position {
    /// MariaDB's own notation: `0-1-84,7-2-3`; the empty text is no transaction at all.
    pub fn parse_domains(text: &str) -> Option<Position> {
        let mut domains = std::collections::BTreeMap::new();
        for item in text.split(',').map(str::trim).filter(|i| !i.is_empty()) {
            let mut parts = item.split('-');
            let domain = parts.next()?.parse().ok()?;
            let server = parts.next()?.parse().ok()?;
            let sequence = parts.next()?.parse().ok()?;
            if parts.next().is_some() {
                return None;
            }
            domains.insert(domain, DomainPlace { server, sequence });
        }
        Some(Position::Domains(domains))
    }

    /// PostgreSQL's own notation of an LSN: `0/16B3748`.
    pub fn parse_lsn(text: &str) -> Option<u64> {
        let (high, low) = text.split_once('/')?;
        let high = u32::from_str_radix(high, 16).ok()?;
        let low = u32::from_str_radix(low, 16).ok()?;
        Some((u64::from(high) << 32) | u64::from(low))
    }
}

fn wal(rest: &str) -> Option<Position> {
    let (system, rest) = rest.split_once('/')?;
    let (timeline, lsn) = rest.split_once('/')?;
    if system.is_empty() {
        return None;
    }
    Some(Position::Wal {
        system: system.to_owned(),
        timeline: timeline.parse().ok()?,
        lsn: Position::parse_lsn(lsn)?,
    })
}

fn file(rest: &str) -> Option<Position> {
    let (server, rest) = rest.split_once('/')?;
    let (log, offset) = rest.rsplit_once('/')?;
    if server.is_empty() || log.is_empty() {
        return None;
    }
    Some(Position::File {
        server: server.to_owned(),
        log: log.to_owned(),
        offset: offset.parse().ok()?,
    })
}

impl TryFrom<String> for Position {
    type Error = PositionError;

    fn try_from(text: String) -> Result<Self, PositionError> {
        text.parse()
    }
}

impl From<Position> for String {
    fn from(position: Position) -> String {
        position.to_string()
    }
}
