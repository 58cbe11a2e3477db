//! Two positions as one.

use super::Position;
use std::collections::btree_map::Entry;

impl Position {
    /// The place that is reached once both are: what somebody must wait for who wrote twice. None where the two can't be
    /// compared.
    pub fn join(&self, other: &Position) -> Option<Position> {
        match (self, other) {
            (Position::Gtid(one), Position::Gtid(two)) => Some(Position::Gtid(one.union(two))),
            (Position::Domains(one), Position::Domains(two)) => {
                let mut joined = one.clone();
                for (&domain, &place) in two {
                    match joined.entry(domain) {
                        Entry::Vacant(free) => {
                            free.insert(place);
                        }
                        Entry::Occupied(mut taken) if taken.get().sequence < place.sequence => {
                            taken.insert(place);
                        }
                        Entry::Occupied(_) => {}
                    }
                }
                Some(Position::Domains(joined))
            }
            // One line each: the further of the two.
            (one, two) => match (one.reaches(two), two.reaches(one)) {
                (super::Reach::Yes, _) => Some(one.clone()),
                (_, super::Reach::Yes) => Some(two.clone()),
                _ => None,
            },
        }
    }
}
