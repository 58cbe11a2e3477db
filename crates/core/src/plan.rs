//! Every choice already made: stages, waves, and each held migration or shard with its reason.
//!
//! `plan` is a pure function of what was seen and what people chose. It touches nothing and knows no time.

mod compose;
mod digest;
mod error;
mod files;
mod gather;
mod held;
mod index;
mod input;
mod judge;
mod parts;
mod stages;
mod waves;

pub use compose::plan;
pub use error::{ChangedFile, PlanError};
pub use held::{Held, HoldReason};
pub use input::{Candidate, Input, Seen};
pub use parts::{Plan, PlannedMigration, PlannedShard, Stage, StageKind, Wave, Work};
