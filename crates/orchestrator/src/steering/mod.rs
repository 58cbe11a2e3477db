//! Steering a rollout: pause, resume, abort, approve, retry, skip, settle.
//!
//! A request is judged against the rollout as the journal has it, then written to the durable inbox, which whoever holds the
//! lease folds; where nobody does, it is folded here and now. Acknowledged only once it is durable.

mod error;
mod fold;
mod origin;
mod request;
mod settle;
mod show;
mod steer;

pub use error::SteerError;
pub(crate) use fold::fold;
pub(crate) use origin::{Origins, came_with, origins};
pub use request::{Acknowledged, Request};
pub use show::{Recorded, list, show};
pub use steer::steer;
