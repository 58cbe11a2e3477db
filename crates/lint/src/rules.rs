//! All rules, by group. Each is one file with what it looks for, its rewrite and its tests, and a folder with `bad.sql` and
//! `good.sql`, which run on the real engine.

pub mod example;
pub mod files;
mod locks;
pub(crate) mod online;
mod phase;
mod reach;
mod replicas;
mod rewrite;
mod shards;
pub mod trace;
mod transactions;
mod types;
pub(crate) mod volume;
mod words;

mod registry;

pub use registry::{all, find, is_known, nearest};

#[cfg(test)]
mod tests;
