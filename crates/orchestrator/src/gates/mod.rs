//! The question before each wave of a stage, beyond what the rollout knows by itself: time windows, and the project's own checks.
//!
//! Fails closed: what can't be asked is not passed.

mod ask;
mod check;
mod probe;

pub use ask::{Answer, Check, ask};
pub use check::{CheckRule, Probe};
