//! Whether nodes let a rollout go on: folds how nodes stand, look after look, into go or hold, with typed reasons.
//!
//! Fails closed: a node that can't be looked at, or can't be seen enough of, holds. Knows no connection and no clock.

mod fold;
mod limits;

pub use fold::{Go, SlotFigure, Throttle, holds};
pub use limits::{CatchingUp, Limits};

#[cfg(test)]
mod tests;
