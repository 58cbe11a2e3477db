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
mod render;
mod resume;
mod stages;
mod subscribers;
mod undo;
mod waves;

pub use compose::{check_target, plan};
pub use error::{ChangedFile, PlanError, Unbuilt};
pub use held::{Held, HoldReason};
pub use input::{Candidate, Input, Reviewed, Seen};
pub use judge::{held_by_review, out_of_order};
pub use parts::{Plan, PlannedMigration, PlannedShard, Stage, StageKind, Wave, Work};
pub use render::render;
pub use resume::{Difference, Resume, resume};
pub use subscribers::{RefusedThere, SubscriberShare, Subscribers, There, Turn};
pub use undo::{UndoTarget, undo};
