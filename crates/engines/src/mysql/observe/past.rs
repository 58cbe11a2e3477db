//! What several looks at one replica tell together, by this process's clock alone: how long its source has been silent, and
//! when what it applies now was received.

use greylag_core::position::{Position, Reach};
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// So many places received are remembered; past it every other one of the older half is let go.
const MARKS: usize = 240;

/// Looks of the past.
#[derive(Debug, Default)]
pub struct Past {
    /// What had come in at the last look, and since when that was all.
    heard: Option<(String, Instant)>,
    /// Places, each with when it was first seen to have been received.
    received: VecDeque<(Instant, Position)>,
}

impl Past {
    /// Notes a sign of what has come in (positions, heartbeats); says for how long at least it has been the same. One look tells
    /// nothing.
    pub fn hear(&mut self, now: Instant, sign: &str) -> Option<Duration> {
        match &self.heard {
            Some((before, since)) if before == sign => Some(now.duration_since(*since)),
            before => {
                let silent = before.is_some().then_some(Duration::ZERO);
                self.heard = Some((sign.to_owned(), now));
                silent
            }
        }
    }

    /// Notes how far the replica has received.
    pub fn receive(&mut self, now: Instant, received: &Position) {
        if let Some((_, last)) = self.received.back() {
            if last == received {
                return;
            }
            if received.reaches(last) != Reach::Yes {
                self.received.clear();
            }
        }
        self.received.push_back((now, received.clone()));
        if self.received.len() > MARKS {
            let mut number = 0;
            self.received.retain(|_| {
                number += 1;
                number > MARKS / 2 || number % 2 == 0
            });
        }
    }

    /// How long ago the first of what is not applied yet was seen to have come in: never too long, and too short by the time
    /// between two looks at most. None where nothing waits, or where it came before the first look or with this one.
    pub fn unapplied(&self, now: Instant, applied: &Position) -> Option<Duration> {
        let reached = |(_, mark): &(Instant, Position)| applied.reaches(mark) == Reach::Yes;
        let waiting = self.received.partition_point(reached);
        let (seen, _) = self.received.get(waiting)?;
        let age = now.duration_since(*seen);
        (waiting > 0 && !age.is_zero()).then_some(age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(domain: u64) -> Position {
        format!("domains:0-1-{domain}").parse().unwrap()
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_source_is_silent_for_as_long_as_its_sign_stays() {
        let (mut past, start) = (Past::default(), Instant::now());
        assert_eq!(past.hear(start, "1"), None, "one look tells nothing");
        assert_eq!(
            past.hear(after(start, 3), "1"),
            Some(Duration::from_secs(3))
        );
        assert_eq!(past.hear(after(start, 4), "2"), Some(Duration::ZERO));
        assert_eq!(
            past.hear(after(start, 9), "2"),
            Some(Duration::from_secs(5))
        );
    }

    #[test]
    fn what_waits_is_as_old_as_the_look_that_first_saw_it() {
        let (mut past, start) = (Past::default(), Instant::now());
        past.receive(start, &at(10));
        past.receive(after(start, 1), &at(20));
        past.receive(after(start, 2), &at(30));
        let now = after(start, 5);
        assert_eq!(past.unapplied(now, &at(15)), Some(Duration::from_secs(4)));
        assert_eq!(past.unapplied(now, &at(20)), Some(Duration::from_secs(3)));
        assert_eq!(past.unapplied(now, &at(30)), None, "nothing waits");
        past.receive(now, &at(40));
        assert_eq!(past.unapplied(now, &at(30)), None, "it has only just come");
        assert_eq!(
            past.unapplied(now, &at(9)),
            None,
            "received before we looked"
        );
    }

    #[test]
    fn a_rebuilt_replica_begins_anew() {
        let (mut past, start) = (Past::default(), Instant::now());
        past.receive(start, &at(10));
        past.receive(after(start, 1), &at(20));
        past.receive(after(start, 2), &at(5));
        assert_eq!(past.unapplied(after(start, 3), &at(4)), None);
    }

    #[test]
    fn a_long_past_is_thinned_out_and_still_told_from_its_start() {
        let (mut past, start) = (Past::default(), Instant::now());
        for second in 0..1_000 {
            past.receive(after(start, second), &at(second + 1));
        }
        assert!(past.received.len() <= MARKS);
        assert_eq!(
            past.received.back().map(|(_, p)| p.clone()),
            Some(at(1_000))
        );
        let behind = past.unapplied(after(start, 1_000), &at(999));
        assert_eq!(behind, Some(Duration::from_secs(1)));
    }
}
