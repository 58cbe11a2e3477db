//! Calendars: weekly time windows in a time zone.
