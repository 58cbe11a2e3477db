//! The nodes of each shard: who they are, how they stand, and whether they let a rollout go on.
//!
//! A [`Replication`] is what the project says of nodes; [`look_at_nodes`] looks once and reports. Judging is
//! `greylag_core::node`'s, going or holding `greylag_core::throttle`'s. A fleet that names no nodes, and sets no limit on its
//! primaries, costs nothing here.

mod arrange;
mod behind;
mod board;
mod chance;
mod earlier;
mod keep;
mod look;
mod named;
mod report;
mod roster;
mod topology;
mod watcher;

pub(crate) use board::{Awaited, News, Shows};
pub use earlier::Earlier;
pub use keep::Keeping;
pub(crate) use look::look_at_shard;
pub use look::{look_at_nodes, survey_with_nodes};
pub use named::{Named, NamedNode, Replication};
pub use report::NodeReport;
pub(crate) use watcher::Watcher;
