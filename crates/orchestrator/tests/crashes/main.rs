//! The orchestrator killed at every event, over scripted databases that fail, lose answers and finish what orphans began:
//! an oracle counts effects, and each migration happens exactly once.

mod counting;
mod crashing;
mod database;
mod dispatching;
mod every_event;
mod nodes;
mod people;
mod replaying;
mod seeds;
mod session;
mod world;
