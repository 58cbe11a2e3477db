//! Whether nodes let a rollout go on: folds how nodes stand, look after look, into go or hold, with typed reasons.
//!
//! Fails closed: a node that can't be looked at, or can't be seen enough of, holds, and so does one that may be further behind than is known. Knows no connection and no clock.

mod busy;
mod fold;
mod limits;

pub use busy::{SlotFigure, SlotLag};
pub use fold::{Go, Throttle, holds};
pub use limits::{CatchingUp, Limits};

#[cfg(test)]
mod tests;
