//! Locks, scans and rewrites on the primary.

mod add_check_scan;
mod add_column_rewriting;
mod add_foreign_key_scan;
mod add_index_blocking;
mod add_unique_blocking;
mod algorithm_refused;
mod attach_partition_scan;
mod bounds;
mod change_type_rewriting;
mod concurrent_index_corrupts;
mod concurrently_on_partitioned;
mod copies_table;
mod create_partition_locks_parent;
mod detach_partition_blocking;
mod drop_index_blocking;
mod explicit_lock;
mod foreign_key_drop_locks_both;
mod inline_reference_ignored;
mod instant_versions_used_up;
mod mixed_clauses;
mod primary_key_scans_for_nulls;
mod reference_locks_other;
mod refresh_view_blocking;
mod reindex_blocking;
mod set_not_null_scan;
mod table_rewrite;

use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[
    &add_check_scan::ADD_CHECK_SCAN,
    &add_column_rewriting::ADD_COLUMN_REWRITING,
    &add_foreign_key_scan::ADD_FOREIGN_KEY_SCAN,
    &add_index_blocking::ADD_INDEX_BLOCKING,
    &add_unique_blocking::ADD_UNIQUE_BLOCKING,
    &algorithm_refused::ALGORITHM_REFUSED,
    &attach_partition_scan::ATTACH_PARTITION_SCAN,
    &change_type_rewriting::CHANGE_TYPE_REWRITING,
    &concurrent_index_corrupts::CONCURRENT_INDEX_CORRUPTS,
    &concurrently_on_partitioned::CONCURRENTLY_ON_PARTITIONED,
    &copies_table::COPIES_TABLE,
    &create_partition_locks_parent::CREATE_PARTITION_LOCKS_PARENT,
    &detach_partition_blocking::DETACH_PARTITION_BLOCKING,
    &drop_index_blocking::DROP_INDEX_BLOCKING,
    &explicit_lock::EXPLICIT_LOCK,
    &foreign_key_drop_locks_both::FOREIGN_KEY_DROP_LOCKS_BOTH,
    &inline_reference_ignored::INLINE_REFERENCE_IGNORED,
    &instant_versions_used_up::INSTANT_VERSIONS_USED_UP,
    &mixed_clauses::MIXED_CLAUSES,
    &primary_key_scans_for_nulls::PRIMARY_KEY_SCANS_FOR_NULLS,
    &reference_locks_other::REFERENCE_LOCKS_OTHER,
    &refresh_view_blocking::REFRESH_VIEW_BLOCKING,
    &reindex_blocking::REINDEX_BLOCKING,
    &set_not_null_scan::SET_NOT_NULL_SCAN,
    &table_rewrite::TABLE_REWRITE,
];
