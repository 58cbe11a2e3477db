use super::*;

fn calendar(windows: &[&str]) -> Calendar {
    let windows: Vec<String> = windows.iter().map(|w| (*w).to_owned()).collect();
    Calendar::parse(&windows).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Opening from an instant that is closed, and closing from there.
fn next(calendar: &Calendar, from: &str) -> (String, String) {
    let opening = calendar.next_opening(at(from)).unwrap();
    let closing = calendar.closes(opening).unwrap();
    (opening.to_string(), closing.to_string())
}

#[test]
fn without_windows_it_is_always_open() {
    let calendar = calendar(&[]);
    assert!(calendar.is_open(at("2026-11-22T12:00:00Z")));
    assert_eq!(calendar.closes(at("2026-11-22T12:00:00Z")), None);
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
    // 2026-11-20 is a Friday.
    let calendar = calendar(&["Mon-Fri 22:00-05:00"]);
    assert!(
        calendar.is_open(at("2026-11-21T04:59:59Z")),
        "the night from Friday"
    );
    assert!(!calendar.is_open(at("2026-11-21T05:00:00Z")));
    assert!(!calendar.is_open(at("2026-11-21T23:00:00Z")), "Saturday");
    assert!(
        !calendar.is_open(at("2026-11-23T04:00:00Z")),
        "the night from Sunday"
    );
    assert_eq!(
        next(&calendar, "2026-11-21T05:00:00Z"),
        ("2026-11-23T22:00:00Z".into(), "2026-11-24T05:00:00Z".into())
    );
}

#[test]
fn whole_days_touch_and_close_as_one() {
    let calendar = calendar(&["Sat-Sun Europe/Berlin"]);
    assert_eq!(
        next(&calendar, "2026-11-20T12:00:00Z"),
        ("2026-11-20T23:00:00Z".into(), "2026-11-22T23:00:00Z".into())
    );
}

#[test]
fn several_windows_are_open_where_any_is() {
    let calendar = calendar(&["daily 01:00-03:00", "Sun 02:00-04:00"]);
    assert_eq!(
        calendar.closes(at("2026-11-22T01:30:00Z")),
        Some(at("2026-11-22T04:00:00Z"))
    );
    assert_eq!(
        calendar.closes(at("2026-11-23T01:30:00Z")),
        Some(at("2026-11-23T03:00:00Z"))
    );
    assert_eq!(calendar.closes(at("2026-11-23T03:00:00Z")), None);
}

#[test]
fn what_never_closes_says_so() {
    let calendar = calendar(&["daily"]);
    assert!(calendar.is_open(at("2026-11-22T00:00:00Z")));
    assert_eq!(calendar.closes(at("2026-11-22T00:00:00Z")), None);
}

#[test]
fn a_window_that_begins_in_the_gap_of_spring_begins_behind_it() {
    // Berlin, 2026-03-29: 02:00 becomes 03:00, which is 01:00 UTC.
    let calendar = calendar(&["Sun 02:30-04:00 Europe/Berlin"]);
    assert_eq!(
        next(&calendar, "2026-03-28T12:00:00Z"),
        ("2026-03-29T01:30:00Z".into(), "2026-03-29T02:00:00Z".into())
    );
}

#[test]
fn a_window_that_is_all_gap_is_open_the_week_after() {
    let calendar = calendar(&["Sun 02:00-03:00 Europe/Berlin"]);
    assert_eq!(
        next(&calendar, "2026-03-28T12:00:00Z"),
        ("2026-04-05T00:00:00Z".into(), "2026-04-05T01:00:00Z".into())
    );
}

#[test]
fn an_hour_that_stands_twice_in_autumn_is_open_both_times() {
    // Berlin, 2026-10-25: 03:00 becomes 02:00 again, which is 01:00 UTC.
    let calendar = calendar(&["Sun 02:15-02:45 Europe/Berlin"]);
    assert_eq!(
        next(&calendar, "2026-10-24T12:00:00Z"),
        ("2026-10-25T00:15:00Z".into(), "2026-10-25T01:45:00Z".into())
    );
    for instant in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
        assert!(calendar.is_open(at(instant)), "{instant}");
    }
}

#[test]
fn a_night_over_the_fold_is_an_hour_longer() {
    let calendar = calendar(&["Sat 22:00-05:00 Europe/Berlin"]);
    assert_eq!(
        next(&calendar, "2026-10-24T12:00:00Z"),
        ("2026-10-24T20:00:00Z".into(), "2026-10-25T04:00:00Z".into())
    );
}
