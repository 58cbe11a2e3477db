//! Whether a calendar is open, until when, and when it opens next.

use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};
use std::ops::Range;

/// Windows, of which any may be open. Without any, always open.
#[derive(Clone, Debug, PartialEq)]
pub struct Calendar {
    windows: Vec<Window>,
}

/// One weekly window. Over midnight, it belongs to the day it begins on.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    text: String,
    /// Monday first.
    days: [bool; 7],
    /// Minutes since midnight.
    start: u16,
    end: u16,
    zone: TimeZone,
}

/// A weekly window that a gap of daylight saving swallows once is there the week after.
const LOOK_AHEAD_DAYS: i64 = 15;

impl Calendar {
    pub(super) fn new(windows: Vec<Window>) -> Self {
        Self { windows }
    }

    pub fn is_open(&self, at: Timestamp) -> bool {
        self.windows.is_empty() || self.spans(at, 0).any(|span| span.contains(&at))
    }

    /// The first instant from `at` on when it is open; `at` itself if it is open then.
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) {
            return Some(at);
        }
        let starts = self.spans(at, LOOK_AHEAD_DAYS).map(|span| span.start);
        starts.filter(|start| *start > at).min()
    }

    /// When it closes, if it is open at `at`; windows that touch count as one. None if it is closed, or never closes.
    pub fn closes(&self, at: Timestamp) -> Option<Timestamp> {
        let mut end = at;
        loop {
            let next = self
                .spans(end, 0)
                .filter(|span| span.contains(&end))
                .map(|span| span.end)
                .max();
            match next {
                Some(next) if next > end_of(at) => return None,
                Some(next) => end = next,
                None => return (end > at).then_some(end),
            }
        }
    }

    /// The stretches of the days around an instant, and of some days after it.
    fn spans(&self, at: Timestamp, days_after: i64) -> impl Iterator<Item = Range<Timestamp>> + '_ {
        self.windows.iter().flat_map(move |window| {
            let today = at.to_zoned(window.zone.clone()).date();
            (-1..=days_after + 1).filter_map(move |offset| {
                let date = today.checked_add(jiff::Span::new().days(offset)).ok()?;
                window.span(date)
            })
        })
    }
}

impl Window {
    pub(super) fn new(text: &str, days: [bool; 7], start: u16, end: u16, zone: TimeZone) -> Self {
        Self {
            text: text.to_owned(),
            days,
            start,
            end,
            zone,
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The stretch that begins on a day. What falls into a gap of daylight saving begins and ends behind it; what stands
    /// twice on the clock is open from the first time to the last.
    fn span(&self, date: Date) -> Option<Range<Timestamp>> {
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
        if !self.days[weekday] {
            return None;
        }
        let over_midnight = self.end <= self.start;
        let end_date = match over_midnight {
            true => date.tomorrow().ok()?,
            false => date,
        };
        let start = self.instant(date, self.start, false)?;
        let end = self.instant(end_date, self.end, true)?;
        (start < end).then_some(start..end)
    }

    fn instant(&self, date: Date, minutes: u16, last: bool) -> Option<Timestamp> {
        let date = if minutes == 24 * 60 {
            date.tomorrow().ok()?
        } else {
            date
        };
        let hour = i8::try_from(minutes % (24 * 60) / 60).ok()?;
        let minute = i8::try_from(minutes % 60).ok()?;
        let ambiguous = self.zone.to_ambiguous_zoned(date.at(hour, minute, 0, 0));
        let is_fold = ambiguous.is_ambiguous()
            && ambiguous.clone().earlier().ok()? < ambiguous.clone().later().ok()?;
        let zoned: Zoned = match is_fold && last {
            true => ambiguous.later().ok()?,
            false => ambiguous.compatible().ok()?,
        };
        Some(zoned.timestamp())
    }
}

/// What is still open then is open for good: windows are weekly.
fn end_of(at: Timestamp) -> Timestamp {
    at.saturating_add(jiff::SignedDuration::from_hours(24 * LOOK_AHEAD_DAYS))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
