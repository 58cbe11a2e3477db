//! Calendars: weekly time windows in a time zone.
//!
//! Knows no clock: instants come in as arguments.

mod calendar;
mod parse;

pub use calendar::{Calendar, Window};
pub use parse::WindowError;
