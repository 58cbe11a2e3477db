//! What may share a transaction, and what may not.

mod concurrently_in_transaction;
mod ddl_commits_by_itself;
mod enum_value_used_early;
mod foreign_keys_pragma;
mod lock_timeout_taken_away;
mod mixed_transaction;
mod several_tables_locked;
mod unfinished_transaction;
mod vacuum_in_transaction;
mod validate_in_same_transaction;

use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[
    &concurrently_in_transaction::CONCURRENTLY_IN_TRANSACTION,
    &ddl_commits_by_itself::DDL_COMMITS_BY_ITSELF,
    &enum_value_used_early::ENUM_VALUE_USED_EARLY,
    &foreign_keys_pragma::FOREIGN_KEYS_PRAGMA,
    &lock_timeout_taken_away::LOCK_TIMEOUT_TAKEN_AWAY,
    &mixed_transaction::MIXED_TRANSACTION,
    &several_tables_locked::SEVERAL_TABLES_LOCKED,
    &unfinished_transaction::UNFINISHED_TRANSACTION,
    &vacuum_in_transaction::VACUUM_IN_TRANSACTION,
    &validate_in_same_transaction::VALIDATE_IN_SAME_TRANSACTION,
];
