//! One plan being carried out: a state machine without I/O.
//!
//! `record` folds what happened and refuses what `next` did not ask for; `next` says what to do about it.
//! Replaying a journal rebuilds a rollout without touching a database.

mod act;
mod command;
mod counts;
mod course;
mod lose;
mod next;
mod order;
mod ready;
mod record;
mod replay;
mod state;
mod stop;
mod summary;
mod verdict;
mod view;

pub use command::{Command, Finish, Progress};
pub use counts::Counts;
pub use order::{OutOfOrder, Why};
pub use state::Rollout;
pub use summary::{StageSummary, Summary, WaveSummary};
pub use verdict::RunVerdict;
