//! Looking at a PostgreSQL node, primary or standby, without touching it.
//!
//! Knows what servers say; whether that is good or bad is `greylag_core::node`'s.

mod answer;
mod look;
mod observer;
mod obstacles;
mod publications;
mod sighting;

pub use observer::observe;
