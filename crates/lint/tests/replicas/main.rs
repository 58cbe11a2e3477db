//! What rules say of replicas, on real ones.

mod mysql;
mod postgres;
