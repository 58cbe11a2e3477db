//! Verbs that mend single shards, under their lock, beside any rollout: baseline, repair, accept, rebrand, forget.
//!
//! `undo` is a plan of its own: `planning::Ask::undo`.

mod baseline;
mod identify;
mod note;
mod repair;
mod report;
mod under_lock;

pub use baseline::baseline;
pub use identify::{IdentifyError, accept, forget, forget_node, rebrand};
pub(crate) use note::Notes;
pub use repair::{Repair, repair};
pub use report::{OperationReport, ShardReport, ShardResult};
