//! Measuring what statements do, on a scratch primary and its replica.
//!
//! `tracer` runs a script; `stored` is how InnoDB stores the tables before and after a statement; `watched` runs a statement
//! while somebody reads the tables, and looks at the metadata locks meanwhile.

mod stored;
mod tracer;
mod watched;

pub use tracer::open as trace;
