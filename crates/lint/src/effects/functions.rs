//! Which functions are the server's own, and change nothing.
//!
//! Lists of what is harmless, never of what is dangerous: a function that is on none of them may do anything. That the names
//! of `postgres_functions.txt` are what they are said to be is measured (`tests/effects/functions.rs`).

use crate::catalog::Catalog;
use greylag_core::engine::Dialect;
use std::{collections::BTreeSet, sync::LazyLock};

static POSTGRES: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| read(include_str!("../../effects/postgres_functions.txt")));
static MYSQL: LazyLock<BTreeSet<&str>> =
    LazyLock::new(|| read(include_str!("../../effects/mysql_functions.txt")));

fn read(text: &'static str) -> BTreeSet<&'static str> {
    text.split_whitespace().collect()
}

/// What the grammar of PostgreSQL calls: none of it has a row in pg_proc under this name.
const GRAMMAR: [&str; 26] = [
    "cast",
    "coalesce",
    "collation",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "greatest",
    "grouping",
    "json_table",
    "least",
    "localtime",
    "localtimestamp",
    "nullif",
    "system_user",
    "treat",
    "trim",
    "user",
    "xmlconcat",
    "xmlelement",
    "xmlforest",
    "xmlparse",
    "xmlpi",
    "xmlserialize",
    "xmltable",
];

/// PostgreSQL's volatile functions, and those of usual extensions, that neither lock tables nor change what they hold.
const VOLATILE: [&str; 38] = [
    "clock_timestamp",
    "crypt",
    "currval",
    "dearmor",
    "digest",
    "gen_random_bytes",
    "gen_random_uuid",
    "gen_salt",
    "hmac",
    "hstore",
    "lastval",
    "levenshtein",
    "nextval",
    "pg_advisory_xact_lock",
    "pg_current_wal_lsn",
    "pg_database_size",
    "pg_indexes_size",
    "pg_is_in_recovery",
    "pg_notify",
    "pg_relation_size",
    "pg_sleep",
    "pg_sleep_for",
    "pg_sleep_until",
    "pg_table_size",
    "pg_total_relation_size",
    "pg_try_advisory_xact_lock",
    "random",
    "set_config",
    "setseed",
    "setval",
    "similarity",
    "timeofday",
    "unaccent",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "uuid_generate_v5",
    "uuidv7",
];

/// Whether PostgreSQL gives the same value for all rows of a statement.
pub(crate) fn is_steady(call: &str) -> bool {
    POSTGRES.contains(call) || GRAMMAR.contains(&call)
}

/// What is called and isn't known to change nothing: a function of one's own, or one that works on the server.
pub(crate) fn stranger<'c>(
    dialect: Dialect,
    calls: &'c [String],
    qualified: &'c [String],
    catalog: &Catalog,
) -> Option<&'c String> {
    let known = |call: &str| match dialect {
        Dialect::Postgres => is_steady(call) || VOLATILE.contains(&call) || call.starts_with("st_"),
        Dialect::Mysql => MYSQL.contains(call) || call.starts_with("st_"),
        // It has no functions but its own.
        Dialect::Sqlite => true,
    };
    let last = |call: &str| call.rsplit('.').next().map(str::to_owned);
    let steady = |call: &str| last(call).is_some_and(|name| catalog.steady.contains(&name));
    let own = qualified.iter().find(|call| !steady(call));
    own.or_else(|| {
        let unknown = |call: &&String| !known(call) && !steady(call);
        calls.iter().find(|call| {
            let written = qualified
                .iter()
                .any(|other| last(other).as_ref() == Some(call));
            !written && unknown(call)
        })
    })
}
