//! The tables of effects against real servers: a claim about a lock is measured, not remembered.

mod fixture;
mod functions;
mod log;
mod mysql;
mod phases;
mod postgres;
#[path = "../servers/versions.rs"]
mod servers;
mod standby;
mod tracer;
