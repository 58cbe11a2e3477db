//! What operations do on a server: data, measured, not remembered.
//!
//! `effects/*.toml` say it; tests run each entry on real servers and compare.

mod data;
mod functions;
mod mysql;
mod postgres;
mod strict;
mod taken;

pub use data::{Effect, Fits, Form, Rewrite, Role, StandbyEffect, Wal, all, find};
pub(crate) use functions::stranger;
pub use mysql::{Algorithm, Clause, clauses};
pub(crate) use mysql::{
    beside, clause_of, default_differs, index_clause, usual_version, writes_anew,
};
pub(crate) use postgres::{column_rewrites, domain_of, proves_not_null, says_not_null};
pub(crate) use strict::is_strict;
pub(crate) use taken::{Taken, taken, taken_by_heirs};
