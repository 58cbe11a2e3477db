//! Scratch servers: a primary and its replica, started for one run and gone with it.
//!
//! [`ScratchServers`] is handed in by whoever can start servers; [`trace`] runs migrations on them and measures. Nothing here
//! ever touches a shard.

mod servers;
mod trace;

pub use servers::{ScratchError, ScratchPair, ScratchServers};
pub use trace::{TraceFault, Tracing, trace};
