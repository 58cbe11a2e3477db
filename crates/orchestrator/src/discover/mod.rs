//! Finds the fleet: the shards that the project names, and those that its sources know.
//!
//! Connects to catalogs, never to a shard. Fails whole, before anything is touched: a source that fails or
//! finds nothing, a name met twice, a row that can't be a shard.

mod catalog;
mod command;
mod error;
mod file;
mod fleet;
mod glob;
mod record;

pub use error::{DiscoverError, Trouble};
pub use fleet::{Found, discover};
