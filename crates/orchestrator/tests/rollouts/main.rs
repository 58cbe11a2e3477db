//! Rollouts over real SQLite files, from survey to summary.

mod company;
mod flyway;
mod gates;
mod interrupts;
mod mending;
mod mission;
mod ordinary;
mod refusals;
mod resuming;
mod settling;
mod steering;
mod world;
