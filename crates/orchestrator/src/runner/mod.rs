//! Runs a foreign tool for a change of one table on one shard: starts it, pauses it while nodes hold, passes on what it says, ends it.
//!
//! Knows processes and command lines, no SQL: what a tool left behind is the engine's to find and clear away.

mod arguments;
mod exit;
mod folder;
mod ghost;
mod holds;
mod hush;
#[cfg(test)]
mod logins;
mod pause;
mod process;
mod tool;

pub use arguments::PLACEHOLDERS;
pub use holds::Holds;
pub use tool::online_of;
