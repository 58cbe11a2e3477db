//! Rollouts over real servers with real replicas, and real faults: what Greylag says and does, and what stands afterwards.

mod anchor;
mod auto;
mod busy;
mod commands;
mod cut;
mod delayed;
mod deposed;
mod disputed;
mod doubting;
mod failing_over;
mod fleet;
mod ghost;
mod halfway;
mod holding;
mod killed;
mod losing;
mod quiet;
mod readers;
mod restored;
mod resuming;
mod subscriber;
mod subscribing;
mod table;
mod tools;
mod unproven;
mod writing;
