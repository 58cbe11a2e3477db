//! Rollouts over real servers with real replicas, and real faults: what Greylag says and does, and what stands afterwards.

mod failing_over;
mod fleet;
mod holding;
mod losing;
mod readers;
mod resuming;
mod subscribing;
