//! The tables of effects against real servers: a claim about a lock is measured, not remembered.

mod mysql;
mod postgres;
mod standby;
mod tracer;
