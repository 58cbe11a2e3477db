//! What PostgreSQL does to an engine's good intentions, each tried on a real server.

mod bench;
mod channel;
mod concurrently;
mod copying;
mod guarding;
mod leaking;
mod locking;
mod lost;
mod pooling;
mod privileges;
mod replication;
mod secure;
mod shards;
mod sharing;
mod steps;
