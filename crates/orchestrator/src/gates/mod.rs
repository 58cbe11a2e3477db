//! The question before each wave of a stage: approval, soak, window, and checks of the project's own.
//!
//! Fails closed: what can't be asked is not passed.

mod check;

pub use check::{CheckRule, Probe};
