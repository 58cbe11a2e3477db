//! How each statement stands to a transaction, and whether it changes the session.

mod mysql;
mod postgres;
mod sqlite;

use super::{statement::Tx, words::Words};
use crate::engine::Dialect;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) tx: Tx,
    pub(super) session: bool,
}

pub(super) fn classify(dialect: Dialect, sql: &str) -> Class {
    let words = Words::of(dialect, sql);
    match dialect {
        Dialect::Postgres => postgres::classify(&words, sql),
        Dialect::Mysql => mysql::classify(&words, sql),
        Dialect::Sqlite => sqlite::classify(&words),
    }
}
