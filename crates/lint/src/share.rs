//! What of a file a logical subscriber takes: statement by statement, from the tables they are about.
//!
//! Rows come to a subscriber by replication, and DDL by nobody: it is run there. A statement over rows of a published table would
//! come twice; one about another table may have nothing to find there. What can't be told from the text is a doubt, never a
//! guess. Knows no server: what is published comes in as [`greylag_core::node::Published`].

mod judge;
mod sharer;
mod take;

pub use sharer::Sharer;
pub use take::{Share, Take};

#[cfg(test)]
mod tests;
