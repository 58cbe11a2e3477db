//! Sets of MySQL's global transaction identifiers, with tags.

use std::{collections::BTreeMap, fmt, str::FromStr};
use uuid::Uuid;

/// A set of transactions, by source (and tag) and intervals of numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct GtidSet {
    /// Intervals are sorted, apart from each other, and hold both ends.
    sources: BTreeMap<(Uuid, String), Vec<(u64, u64)>>,
}

/// Why a text is no set of GTIDs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GtidSetError {
    #[error("`{0}` is no server's uuid")]
    Source(String),
    #[error("`{0}` is neither a tag nor an interval of transaction numbers")]
    Interval(String),
}

impl GtidSet {
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Whether all of `other` is in this set.
    pub fn contains(&self, other: &GtidSet) -> bool {
        other.count_without(self) == 0
    }

    /// How many transactions of this set are not in `other`.
    pub fn count_without(&self, other: &GtidSet) -> u64 {
        self.sources
            .iter()
            .map(|(source, intervals)| {
                let taken = other.sources.get(source).map_or(&[][..], Vec::as_slice);
                intervals
                    .iter()
                    .map(|&(from, to)| {
                        let shared: u64 = taken
                            .iter()
                            .map(|&(a, b)| (b.min(to) + 1).saturating_sub(a.max(from)))
                            .sum();
                        to - from + 1 - shared
                    })
                    .sum::<u64>()
            })
            .sum()
    }

    /// What of this set was first committed on one server.
    pub fn of(&self, source: Uuid) -> GtidSet {
        GtidSet {
            sources: self
                .sources
                .iter()
                .filter(|((uuid, _), _)| *uuid == source)
                .map(|(key, intervals)| (key.clone(), intervals.clone()))
                .collect(),
        }
    }

    /// All of both.
    pub fn union(&self, other: &GtidSet) -> GtidSet {
        let mut all = self.clone();
        for ((source, tag), intervals) in &other.sources {
            for &(from, to) in intervals {
                all.insert(*source, tag, from, to);
            }
        }
        all
    }

    fn insert(&mut self, source: Uuid, tag: &str, from: u64, to: u64) {
        let intervals = self.sources.entry((source, tag.to_owned())).or_default();
        intervals.push((from, to));
        intervals.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(intervals.len());
        for &(from, to) in intervals.iter() {
            match merged.last_mut() {
                Some(last) if from <= last.1.saturating_add(1) => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        *intervals = merged;
    }
}

impl FromStr for GtidSet {
    type Err = GtidSetError;

    /// As the server prints it: `uuid:1-5:7, uuid:tag:1-3`, line breaks and spaces anywhere between.
    fn from_str(text: &str) -> Result<Self, GtidSetError> {
        let mut set = GtidSet::default();
        for item in text.split(',').map(str::trim).filter(|i| !i.is_empty()) {
            let mut parts = item.split(':').map(str::trim);
            let source = parts.next().unwrap_or_default();
            let uuid =
                Uuid::parse_str(source).map_err(|_| GtidSetError::Source(source.to_owned()))?;
            let mut tag = String::new();
            for part in parts {
                if part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                    // Tags are case-insensitive, and the server prints them in lower case.
                    tag = part.to_ascii_lowercase();
                    continue;
                }
                let (from, to) = part.split_once('-').unwrap_or((part, part));
                let number = |text: &str| text.trim().parse::<u64>().ok().filter(|n| *n > 0);
                match (number(from), number(to)) {
                    (Some(from), Some(to)) if from <= to => set.insert(uuid, &tag, from, to),
                    _ => return Err(GtidSetError::Interval(part.to_owned())),
                }
            }
        }
        Ok(set)
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for ((source, tag), intervals) in &self.sources {
            write!(f, "{comma}{source}")?;
            comma = ",";
            if !tag.is_empty() {
                write!(f, ":{tag}")?;
            }
            for (from, to) in intervals {
                if from == to {
                    write!(f, ":{from}")?;
                } else {
                    write!(f, ":{from}-{to}")?;
                }
            }
        }
        Ok(())
    }
}
