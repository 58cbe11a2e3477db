//! What differs or breaks between shards.

mod across_classes;
mod classes_unknown;
mod cluster_wide_statement;
mod column_order;
mod contract_without_expand;
mod cross_shard_foreign_key;
mod differs_per_shard;
mod enum_order;
mod hides_drift;
mod local_sequence;
mod many_locks;
mod may_fail_on_some_shard;
mod numbers_run_out;
mod probe;
mod session_decides;
mod settings_differ;
mod shard_key_changed;
mod unique_without_shard_key;
mod unnamed_constraint;
mod versions_differ;

use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[
    &across_classes::ACROSS_CLASSES,
    &classes_unknown::CLASSES_UNKNOWN,
    &cluster_wide_statement::CLUSTER_WIDE_STATEMENT,
    &column_order::COLUMN_ORDER,
    &contract_without_expand::CONTRACT_WITHOUT_EXPAND,
    &cross_shard_foreign_key::CROSS_SHARD_FOREIGN_KEY,
    &differs_per_shard::DIFFERS_PER_SHARD,
    &enum_order::ENUM_ORDER,
    &hides_drift::HIDES_DRIFT,
    &local_sequence::LOCAL_SEQUENCE,
    &many_locks::MANY_LOCKS,
    &may_fail_on_some_shard::MAY_FAIL_ON_SOME_SHARD,
    &numbers_run_out::NUMBERS_RUN_OUT,
    &session_decides::SESSION_DECIDES,
    &settings_differ::SETTINGS_DIFFER,
    &shard_key_changed::SHARD_KEY_CHANGED,
    &unique_without_shard_key::UNIQUE_WITHOUT_SHARD_KEY,
    &unnamed_constraint::UNNAMED_CONSTRAINT,
    &versions_differ::VERSIONS_DIFFER,
];
