//! The promises, by what they are about.

pub mod applying;
pub mod failing;
pub mod lingering;
pub mod locking;
pub mod losing;
pub mod resuming;
pub mod tables;
