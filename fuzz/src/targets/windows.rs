//! Windows of a calendar: open, closing and opening agree with each other at any instant.

use super::Target;
use greylag_core::window::{Calendar, Window};
use jiff::{SignedDuration, Timestamp};

pub(super) const TARGET: Target = Target {
    name: "windows",
    holds: "open until it closes, closed until it opens",
    check,
    words: &[
        "Mon",
        "Tue-Thu",
        "Fri-Mon",
        "Sat-Sun",
        "daily",
        "Monday",
        ",",
        "-",
        " 22:00-05:00",
        " 00:00-24:00",
        " 01:00-03:00",
        " 02:30-02:45",
        " 0:00-0:01",
        " 23:59-24:00",
        " 23:59-00:00",
        " Europe/Berlin",
        " America/New_York",
        " Australia/Lord_Howe",
        " Pacific/Apia",
        " UTC",
        " Asia/Kathmandu",
        " Antarctica/Troll",
        " Africa/Casablanca",
        "\n",
        " 24:00-24:00",
    ],
    seeds: "windows",
    corpora: &[],
    by_name: false,
};

fn check(bytes: &[u8]) {
    // Eight bytes of an instant, then windows, one to a line.
    let (instant, windows) = bytes.split_at(bytes.len().min(8));
    let windows: Vec<String> = String::from_utf8_lossy(windows)
        .lines()
        .take(4)
        .map(str::to_owned)
        .collect();
    let calendar = match Calendar::parse(&windows) {
        Ok(calendar) => calendar,
        Err(errors) => {
            let wrong = windows
                .iter()
                .filter(|window| window.parse::<Window>().is_err());
            assert_eq!(
                errors.len(),
                wrong.count(),
                "every bad window is told, and no other"
            );
            return;
        }
    };
    for window in &windows {
        let parsed: Window = window.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(parsed.as_str(), window);
        assert_eq!(parsed.as_str().parse(), Ok(parsed));
    }
    for at in instants(instant) {
        agrees(&calendar, at, windows.is_empty());
    }
}

/// One of this century, to the minute and around it; and one of all there are.
fn instants(bytes: &[u8]) -> Vec<Timestamp> {
    let mut eight = [0; 8];
    eight[..bytes.len()].copy_from_slice(bytes);
    let number = i64::from_le_bytes(eight);
    let minute = number.rem_euclid(60 * 24 * 366 * 100) * 60;
    let any = number.rem_euclid(Timestamp::MAX.as_second() - Timestamp::MIN.as_second())
        + Timestamp::MIN.as_second();
    [minute, minute + 1, minute - 1, any]
        .into_iter()
        .filter_map(|second| Timestamp::from_second(second).ok())
        .collect()
}

fn agrees(calendar: &Calendar, at: Timestamp, always: bool) {
    let moment = SignedDuration::from_nanos(1);
    let (open, closes, opens) = (
        calendar.is_open(at),
        calendar.closes(at),
        calendar.next_opening(at),
    );
    if always {
        assert!(
            open && closes.is_none(),
            "without windows it is always open"
        );
    }
    if open {
        assert_eq!(opens, Some(at), "open now, it opens now");
        if let Some(closes) = closes {
            assert!(closes > at, "it closes at {closes}, before {at}");
            assert!(
                !calendar.is_open(closes),
                "it closes at {closes}, and is open then"
            );
            assert!(
                calendar.is_open(closes - moment),
                "it closes at {closes}, and is closed before"
            );
        }
        return;
    }
    assert_eq!(closes, None, "closed at {at}, it can't close");
    let Some(opens) = opens else {
        // Only near the end of time may there be no next window.
        assert!(
            at > Timestamp::MAX - SignedDuration::from_hours(24 * 40),
            "closed at {at}, it never opens"
        );
        return;
    };
    assert!(
        opens > at && calendar.is_open(opens),
        "it should open at {opens}"
    );
    assert!(
        !calendar.is_open(opens - moment),
        "it opens at {opens}, and is open before"
    );
    // Closed all the while.
    let gap = opens.duration_since(at);
    for part in 1..16 {
        let between = at + gap * part / 16;
        assert!(
            between >= opens || !calendar.is_open(between),
            "open at {between}, before {opens}"
        );
    }
}
