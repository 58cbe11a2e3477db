//! Carries a plan out, or takes an unfinished rollout up.

mod anchor;
mod anew;
mod carry_out;
mod claim;
mod error;
mod failover;
mod fit;
mod memory;
mod opening;
mod summary;
mod tally;
mod unsettled;

pub use anew::{Pending, Stopped, left, stopped, together};
pub use carry_out::{Options, apply, settle_first};
pub use error::ApplyError;
pub use fit::{approved_of_saved, check_saved};
pub(crate) use opening::take_up;
pub use summary::{Counts, Finished, Summary, Verdict};
