//! SQLite: a shard is one file.
//!
//! A shard's file is opened by SQLite alone: a plain `open` and `close` of it anywhere in this process would drop
//! SQLite's POSIX locks. Paths are looked at with `stat` and `access`, never by their bytes.

mod apply;
mod appraise;
mod change;
mod connection;
mod diagnose;
mod failure;
mod file;
mod history;
mod hoist;
mod holders;
mod location;
mod place;
mod prepare;
mod question;
mod references;
mod session;
mod settle;
mod shard;
mod sidecar;
mod statement;
mod steps;
mod stepwise;
mod stop;
mod survey;
mod tables;
mod wrapped;

pub use appraise::appraise;
pub use session::open;
