//! Where a primary was when: how far behind in time a replica is, by our own clock and nobody else's.

use crate::position::{Position, Reach};
use jiff::Timestamp;
use std::{collections::VecDeque, time::Duration};

/// So many marks are kept; past it they are thinned out by age, which makes old lag coarse and keeps new lag fine.
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
}
