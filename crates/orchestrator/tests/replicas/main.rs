//! Rollouts over real servers with real replicas, and real faults: what Greylag says and does, and what stands afterwards.

mod anchor;
mod auto;
mod busy;
mod commands;
mod deposed;
mod disputed;
mod doubting;
mod failing_over;
mod finding;
mod fleet;
mod ghost;
mod halfway;
mod holding;
mod losing;
mod readers;
mod resuming;
mod subscriber;
mod subscribing;
mod table;
mod tools;
mod unproven;
mod writing;
