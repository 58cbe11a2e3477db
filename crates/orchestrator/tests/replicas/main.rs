//! Rollouts over real servers with real replicas, and real faults: what Greylag says and does, and what stands afterwards.

mod anchor;
mod auto;
mod backlog;
mod busy;
mod commands;
mod deposed;
mod disputed;
mod doubting;
mod failing_over;
mod fleet;
mod ghost;
mod halfway;
mod holding;
mod left_behind;
mod losing;
mod readers;
mod resuming;
mod subscriber;
mod subscribing;
mod table;
mod tools;
mod unproven;
mod unseen;
mod writing;
