//! Fuzzing of everything that reads text: targets, and a small engine that runs on stable Rust without a C++ library.
//!
//! A [`Target`] is a check: bytes in, a panic if an invariant doesn't hold. The [`engine`] makes the bytes: it mutates seeds,
//! and keeps what reaches code that nothing reached before, if the crates were compiled through `fuzz/instrument`; without
//! that it mutates blindly. Knows no database.

pub mod engine;
pub mod seeds;
pub mod targets;

pub use targets::{Target, all, find};
