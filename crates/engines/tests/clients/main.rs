//! Real histories, statement by statement as we cut them, against the engines' own clients reading the whole files:
//! the same schema must come out.

mod corpora;
mod mysql;
mod postgres;
mod sqlite;
