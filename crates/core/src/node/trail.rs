//! Where a primary was when: how far behind in time a replica is, by our own clock and nobody else's.

use crate::position::{Position, Reach};
use jiff::Timestamp;
use std::{collections::VecDeque, time::Duration};

/// So many marks are kept; past it they are thinned out by age, which makes old lag coarse and keeps new lag fine.
const MARKS: usize = 240;

/// How long a place has not been reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    pub time: Duration,
    /// It is the least that it can be: what was written before the first mark is of an age that nobody here knows.
    pub at_least: bool,
}

/// Positions of a primary, each with when it was first seen there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trail {
    marks: VecDeque<(Timestamp, Position)>,
}

impl Age {
    pub(super) const NONE: Age = Age {
        time: Duration::ZERO,
        at_least: false,
    };
}

impl Trail {
    /// Notes where the primary is now. A position of another stream (a failover) begins the trail anew.
    pub fn note(&mut self, at: Timestamp, position: &Position) {
        if let Some((_, last)) = self.marks.back() {
            if last == position {
                return;
            }
            if position.reaches(last) == Reach::Incomparable {
                self.marks.clear();
            }
        }
        self.marks.push_back((at, position.clone()));
        if self.marks.len() > MARKS {
            self.thin_out(at);
        }
    }

    /// Drops the mark that is missed least: the one whose neighbours lie closest together for its age.
    fn thin_out(&mut self, now: Timestamp) {
        let seconds = |from: usize, to: usize| {
            let (from, to) = (self.marks[from].0, self.marks[to].0);
            to.duration_since(from).as_secs_f64()
        };
        let age = |at: usize| now.duration_since(self.marks[at].0).as_secs_f64() + 1.0;
        let least = (1..self.marks.len() - 1)
            .map(|at| (at, seconds(at - 1, at + 1) / age(at)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((at, _)) = least {
            self.marks.remove(at);
        }
    }

    /// How long ago the primary was first seen at a place that `position` has not reached: never more than the truth by
    /// more than the time between two looks, and no more than a bound where it has not come to the first of them. None where
    /// the two can't be compared, or nothing is known of the primary.
    pub fn lag(&self, position: &Position, now: Timestamp) -> Option<Age> {
        let (_, last) = self.marks.back()?;
        match position.reaches(last) {
            Reach::Incomparable => return None,
            Reach::Yes => return Some(Age::NONE),
            Reach::No => {}
        }
        let reached = |(_, mark): &(Timestamp, Position)| position.reaches(mark) == Reach::Yes;
        let (mut low, mut high) = (0, self.marks.len());
        while low < high {
            let middle = (low + high) / 2;
            if reached(&self.marks[middle]) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let (since, _) = self.marks.get(low)?;
        Some(Age {
            time: Duration::try_from(now.duration_since(*since)).unwrap_or_default(),
            // The first mark is never thinned out.
            at_least: low == 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn wal(lsn: u64) -> Position {
        Position::Wal {
            system: "7".into(),
            timeline: 1,
            lsn,
        }
    }

    #[test]
    fn what_was_written_before_the_first_mark_is_older_than_anybody_knows() {
        let mut trail = Trail::default();
        trail.note(at(10), &wal(100));
        trail.note(at(13), &wal(200));
        let lag = |lsn, now| trail.lag(&wal(lsn), at(now)).unwrap();
        let age = |seconds, at_least| Age {
            time: Duration::from_secs(seconds),
            at_least,
        };
        assert_eq!(lag(99, 10), age(0, true), "one look tells nothing");
        assert_eq!(lag(99, 15), age(5, true));
        assert_eq!(lag(100, 15), age(2, false), "it has come to the first mark");
        assert_eq!(lag(200, 15), age(0, false));
    }

    #[test]
    fn a_trail_that_was_thinned_out_still_knows_what_was_before_it() {
        let mut trail = Trail::default();
        for second in 0..10_000 {
            trail.note(at(second), &wal(100 + second as u64));
        }
        assert!(trail.lag(&wal(99), at(10_000)).unwrap().at_least);
        assert!(!trail.lag(&wal(100), at(10_000)).unwrap().at_least);
    }

    #[test]
    fn another_stream_begins_another_trail() {
        let mut trail = Trail::default();
        trail.note(at(0), &wal(100));
        let heir = |lsn| Position::Wal {
            system: "7".into(),
            timeline: 2,
            lsn,
        };
        trail.note(at(50), &heir(120));
        assert_eq!(trail.lag(&wal(100), at(51)), None);
        assert!(trail.lag(&heir(110), at(51)).unwrap().at_least);
    }
}
