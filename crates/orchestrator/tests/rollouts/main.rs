//! Rollouts over real SQLite files, from survey to summary.

mod mission;
mod ordinary;
mod refusals;
mod steering;
mod world;
