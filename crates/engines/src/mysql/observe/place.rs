//! Where a node stands in its source's stream: written, received, replayed.

use super::{question::Topic, sighting::Seen, status::Status};
use greylag_core::{node::SeenRole, position::Position};

/// What a primary has written, or a replica has replayed.
pub fn position(seen: &Seen<'_>, role: SeenRole, status: Option<&Status>) -> Option<Position> {
    let facts = seen.heard.get(Topic::Facts)?;
    let fact = |name| facts.named(0, name).unwrap_or_default();
    let replica = role == SeenRole::Replica;
    if fact("gtids") == "1" {
        return fact(if replica { "replayed" } else { "written" })
            .parse()
            .ok();
    }
    if replica {
        return status.and_then(|s| file(s, &s.executed));
    }
    let log = seen.heard.get(Topic::Log)?;
    Some(Position::File {
        server: fact("id").to_owned(),
        log: log.named(0, "File")?.to_owned(),
        offset: log.named(0, "Position")?.parse().ok()?,
    })
}

/// A place in the source's own log.
pub fn file(status: &Status, place: &Option<(String, u64)>) -> Option<Position> {
    let (log, offset) = place.clone()?;
    Some(Position::File {
        server: status.identity.clone()?,
        log,
        offset,
    })
}

/// What has come in, with what was there before the relay log began.
pub fn received(status: &Status, position: Option<&Position>) -> Option<Position> {
    match position? {
        Position::Gtid(executed) => format!("gtid:{executed},{}", status.received).parse().ok(),
        Position::Domains(applied) if !status.received.is_empty() => {
            let Position::Domains(mut received) = Position::parse_domains(&status.received)? else {
                return None;
            };
            for (domain, place) in applied {
                let here = received.entry(*domain).or_insert(*place);
                if here.sequence < place.sequence {
                    *here = *place;
                }
            }
            Some(Position::Domains(received))
        }
        Position::Domains(_) | Position::Wal { .. } => None,
        Position::File { .. } => file(status, &status.read),
    }
}

/// What the replica's own id stands before, and did not come from upstream.
pub fn written_here(replayed: &Position, written: Option<&Position>, id: &str) -> Option<Position> {
    match (replayed, written) {
        (Position::Gtid(executed), _) => {
            let own = executed.of(id.parse().ok()?);
            (!own.is_empty()).then_some(Position::Gtid(own))
        }
        (Position::Domains(replayed), Some(Position::Domains(written))) => {
            let beyond = |domain, sequence| {
                replayed
                    .get(domain)
                    .is_none_or(|place| place.sequence < sequence)
            };
            let own: std::collections::BTreeMap<_, _> = written
                .iter()
                .filter(|(_, place)| place.server.to_string() == id)
                .filter(|(domain, place)| beyond(domain, place.sequence))
                .map(|(domain, place)| (*domain, *place))
                .collect();
            (!own.is_empty()).then_some(Position::Domains(own))
        }
        _ => None,
    }
}
