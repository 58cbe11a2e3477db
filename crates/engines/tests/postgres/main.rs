//! What PostgreSQL does to an engine's good intentions, each tried on a real server.

mod bench;
mod channel;
mod concurrently;
mod copying;
mod failover;
mod guarding;
mod leaking;
mod locking;
mod lost;
mod nodes;
mod observing;
mod pooling;
mod privileges;
mod reading_locks;
mod reindexing;
mod replication;
mod secure;
mod shards;
mod sharing;
mod standing;
mod steps;
mod subscribing;
mod tables;
mod temporary;
