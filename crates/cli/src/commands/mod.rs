//! The verbs, one a file.

pub mod apply;
pub mod baseline;
pub mod completions;
pub mod demo;
pub mod doctor;
pub mod fleet;
pub mod init;
pub mod lab;
pub mod lint;
pub mod new;
pub mod plan;
pub mod repair;
pub mod rollout;
pub mod status;
pub mod undo;

pub mod report;

mod ways;

mod changes;
mod choose;
mod flags;

pub use choose::run;
