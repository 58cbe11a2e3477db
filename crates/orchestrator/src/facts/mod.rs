//! What the fleet looks like, for the lint: one look at every shard and at the nodes that the project names, put together.
//!
//! [`gather`] looks, a few shards at a time, and only reads; [`Gathered`] says for each engine what was seen, and names
//! whoever could not be looked at.

mod fold;
mod gather;

#[cfg(test)]
mod tests;

pub use fold::{Appraised, Gathered, Unlooked, fold};
pub use gather::gather;
