//! Changes of tables beside running traffic: one way after another is asked of the server, the lightest first, and what it can't do
//! is handed to a tool, or refused.
//!
//! Nothing is guessed from the statement about what the server would do: it is told the way, and fails rather than take another.

mod handing;
mod ladder;
mod marks;
mod orphans;
mod refusal;
mod remains;
mod statement;
mod verdict;

pub use marks::ToolMark;
pub use remains::{Cleared, settle};
pub use statement::behind_settings;
