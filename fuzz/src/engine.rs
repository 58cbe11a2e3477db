//! The fuzzer: makes inputs, runs a target on them, makes a failing input small.
//!
//! Knows nothing of what the targets check.

pub mod coverage;
pub mod finding;
pub mod hunt;
mod mutate;
mod shrink;

pub use finding::{Fault, Finding, try_input};
pub use hunt::{Hunt, Limit, Tally, hunt};
pub use shrink::shrink;
