//! Measuring what statements do, on a scratch primary and its standby.
//!
//! `tracer` runs a script; `look` is what is seen before and after a statement, from within its own transaction; `outside`
//! watches a statement that can't be in one, held up half-way so that its locks can be seen; `records` reads from the log
//! which locks a standby replays.

mod look;
mod outside;
mod records;
mod tracer;

pub use tracer::open as trace;
