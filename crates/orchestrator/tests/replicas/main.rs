//! Rollouts over real servers with real replicas, and real faults: what Greylag says and does, and what stands afterwards.

mod auto;
mod busy;
mod deposed;
mod disputed;
mod doubting;
mod failing_over;
mod fleet;
mod holding;
mod losing;
mod readers;
mod resuming;
mod subscriber;
mod subscribing;
mod tools;
