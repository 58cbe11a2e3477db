//! Where a primary was when: how far behind in time a replica is, by our own clock and nobody else's.

use crate::position::{Position, Reach};
use jiff::Timestamp;
use std::{collections::VecDeque, time::Duration};

/// So many marks are kept; past it the older ones are thinned out, which makes old lag coarse and keeps new lag fine.
const MARKS: usize = 240;

/// Positions of a primary, each with when it was first seen there.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trail {
    marks: VecDeque<(Timestamp, Position)>,
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
            let half = MARKS / 2;
            let mut number = 0;
            self.marks.retain(|_| {
                number += 1;
                number > half || number % 2 == 1
            });
        }
    }

    /// How long ago the primary was first seen at a place that `position` has not reached: never more than the truth by
    /// more than the time between two looks. None where the two can't be compared, or nothing is known of the primary.
    pub fn lag(&self, position: &Position, now: Timestamp) -> Option<Duration> {
        let (_, last) = self.marks.back()?;
        match position.reaches(last) {
            Reach::Incomparable => return None,
            Reach::Yes => return Some(Duration::ZERO),
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
        Duration::try_from(now.duration_since(*since))
            .ok()
            .or(Some(Duration::ZERO))
    }

    /// Whether the primary has been seen at more than one place.
    pub fn moves(&self) -> bool {
        self.marks.len() > 1
    }
}
