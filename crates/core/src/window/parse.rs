//! Windows as people write them: `Mon-Fri 22:00-05:00 Europe/Berlin`, `Sat-Sun`, `daily 01:00-03:00`.

use super::calendar::{Calendar, Window};
use jiff::tz::TimeZone;
use std::str::FromStr;

/// Minutes since midnight; 24:00 is the end of the day.
const DAY: u16 = 24 * 60;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error(
        "the window `{window}` is empty: write `Mon-Fri 22:00-05:00 Europe/Berlin`, `Sat-Sun` or `daily 01:00-03:00`"
    )]
    Empty { window: String },
    #[error(
        "`{day}` in the window `{window}` is no day: write `Mon`, `Mon-Fri`, `Mon,Wed` or `daily`"
    )]
    Day { window: String, day: String },
    #[error("`{time}` in the window `{window}` is no span of time: write `22:00-05:00`")]
    Time { window: String, time: String },
    #[error(
        "the span `{time}` in the window `{window}` begins where it ends: leave it out for whole days"
    )]
    NoSpan { window: String, time: String },
    #[error(
        "`{zone}` in the window `{window}` is no time zone that this machine knows: write one such as `Europe/Berlin` or `UTC`"
    )]
    Zone { window: String, zone: String },
    #[error("`{rest}` follows the time zone in the window `{window}`")]
    Rest { window: String, rest: String },
}

impl Calendar {
    /// Every fault at once. No windows at all: always open.
    pub fn parse(windows: &[String]) -> Result<Calendar, Vec<WindowError>> {
        let mut parsed = Vec::new();
        let mut errors = Vec::new();
        for window in windows {
            match window.parse() {
                Ok(window) => parsed.push(window),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(Calendar::new(parsed))
        } else {
            Err(errors)
        }
    }
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let window = || text.to_owned();
        let mut words = text.split_whitespace().peekable();
        let days = words
            .next()
            .ok_or_else(|| WindowError::Empty { window: window() })?;
        let days = parse_days(days).map_err(|day| WindowError::Day {
            window: window(),
            day,
        })?;
        let time = words.next_if(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        let (start, end) = match time {
            None => (0, DAY),
            Some(time) => parse_span(time).ok_or_else(|| WindowError::Time {
                window: window(),
                time: time.to_owned(),
            })?,
        };
        if let Some(time) = time
            && start == end
        {
            return Err(WindowError::NoSpan {
                window: window(),
                time: time.to_owned(),
            });
        }
        let zone = match words.next() {
            None => TimeZone::UTC,
            Some(zone) => TimeZone::get(zone).map_err(|_| WindowError::Zone {
                window: window(),
                zone: zone.to_owned(),
            })?,
        };
        match words.next() {
            None => Ok(Window::new(text, days, start, end, zone)),
            Some(rest) => Err(WindowError::Rest {
                window: window(),
                rest: rest.to_owned(),
            }),
        }
    }
}

/// Monday first; the word that is no day otherwise.
fn parse_days(text: &str) -> Result<[bool; 7], String> {
    let mut days = [false; 7];
    if text.eq_ignore_ascii_case("daily") {
        return Ok([true; 7]);
    }
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (parse_day(first)?, parse_day(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Ok(days)
}

/// `Mon` or `Monday`, in any case.
fn parse_day(text: &str) -> Result<usize, String> {
    const LONG: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let lower = text.to_ascii_lowercase();
    let found = (0..7).find(|day| DAYS[*day] == lower || LONG[*day] == lower);
    found.ok_or_else(|| text.to_owned())
}

fn parse_span(text: &str) -> Option<(u16, u16)> {
    let (start, end) = text.split_once('-')?;
    let (start, end) = (parse_time(start)?, parse_time(end)?);
    (start < DAY).then_some((start, end))
}

fn parse_time(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits =
        |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || minute.len() != 2 || !digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(window: &str) -> String {
        window.parse::<Window>().unwrap_err().to_string()
    }

    #[test]
    fn every_bad_window_is_told_at_once() {
        let windows = [
            "Mon-Fry".to_owned(),
            "daily".to_owned(),
            "daily 1-3".to_owned(),
        ];
        assert_eq!(Calendar::parse(&windows).unwrap_err().len(), 2);
    }

    #[test]
    fn what_is_no_window_is_refused_with_what_to_write() {
        assert!(error("").contains("is empty"));
        assert!(error("Fry 01:00-02:00").starts_with("`Fry` in the window"));
        for time in [
            "25:00-01:00",
            "1:5-2:00",
            "01:00",
            "24:00-01:00",
            "01:60-02:00",
            "01:00-02:00-03:00",
        ] {
            assert!(
                error(&format!("daily {time}")).contains("no span of time"),
                "{time}"
            );
        }
        assert!(error("daily 01:00-01:00").contains("begins where it ends"));
        assert!(error("Sat Europe/Bärlin").contains("no time zone"));
        assert!(error("Sat 01:00-02:00 UTC please").contains("follows the time zone"));
    }

    #[test]
    fn days_may_be_lists_and_ranges_over_the_weekend() {
        assert_eq!(
            parse_days("Fri-Mon"),
            Ok([true, false, false, false, true, true, true])
        );
        assert_eq!(
            parse_days("mon,Wednesday"),
            Ok([true, false, true, false, false, false, false])
        );
    }
}
