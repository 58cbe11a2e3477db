//! Whether a migration fits its phase, and the app that runs beside it.

mod add_column_refused;
mod along;
mod backfill_changes_schema;
mod condition;
mod contract_drops_others;
mod drop_column_in_use;
mod empties_table;
mod expand_drops;
mod expand_lifts_guarantee;
mod expand_renames;
mod expand_restricts_writes;
mod expand_takes_rights;
mod keys;
mod rebuild_loses_references;
mod refused;
mod replaced;
mod required_column;
mod rows;
mod succession;
mod version_too_old;
mod write_without_batch;

use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[
    &add_column_refused::ADD_COLUMN_REFUSED,
    &backfill_changes_schema::BACKFILL_CHANGES_SCHEMA,
    &contract_drops_others::CONTRACT_DROPS_OTHERS,
    &drop_column_in_use::DROP_COLUMN_IN_USE,
    &empties_table::EMPTIES_TABLE,
    &expand_drops::EXPAND_DROPS,
    &expand_lifts_guarantee::EXPAND_LIFTS_GUARANTEE,
    &expand_renames::EXPAND_RENAMES,
    &expand_restricts_writes::EXPAND_RESTRICTS_WRITES,
    &expand_takes_rights::EXPAND_TAKES_RIGHTS,
    &rebuild_loses_references::REBUILD_LOSES_REFERENCES,
    &required_column::REQUIRED_COLUMN,
    &version_too_old::VERSION_TOO_OLD,
    &write_without_batch::WRITE_WITHOUT_BATCH,
];
