//! Which functions make null of null, whichever of their arguments it is.
//!
//! A function that is on none of the lists may make anything of it. That those of the lists do as is said here is measured
//! (`tests/effects/functions.rs`).

use greylag_core::engine::Dialect;
use std::{collections::BTreeSet, sync::LazyLock};

static POSTGRES: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| read(include_str!("../../effects/postgres_strict.txt")));
static MYSQL: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| read(include_str!("../../effects/mysql_strict.txt")));
static SQLITE: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| read(include_str!("../../effects/sqlite_strict.txt")));

/// Those of PostGIS that CHECKs usually ask, and what the grammar calls `btrim`.
const BESIDE: [&str; 6] = [
    "geometrytype",
    "st_geometrytype",
    "st_isvalid",
    "st_ndims",
    "st_srid",
    "trim",
];

fn read(text: &'static str) -> BTreeSet<&'static str> {
    let calls = text.split_whitespace();
    calls
        .filter_map(|call| call.split('(').next())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether a function of the server's own makes null of null.
pub(crate) fn is_strict(dialect: Dialect, name: &str) -> bool {
    match dialect {
        Dialect::Postgres => POSTGRES.contains(name) || BESIDE.contains(&name),
        Dialect::Mysql => MYSQL.contains(name),
        Dialect::Sqlite => SQLITE.contains(name),
    }
}
