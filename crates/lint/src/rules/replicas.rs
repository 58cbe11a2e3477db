//! What reaches replicas, and what it does there.

mod cascade_not_logged;
mod concurrently_cancels_standby;
mod create_table_select;
mod definer_may_be_missing;
mod exclusive_lock_held;
mod file_written_anew;
mod logical_change_not_carried;
mod logical_large_transaction;
mod logical_slot_waits;
mod names_database;
mod no_primary_key;
mod not_carried_logically;
mod online_log_overflows;
mod primary_key_guard_lifted;
mod primary_only;
mod published;
mod replayed_as_a_whole;
mod replica_identity_full;
mod replica_identity_lost;
mod replica_reader_blocks_replay;
mod replicas_not_awaited;
mod setting_not_everywhere;
mod standby_lock_conflict;
mod standby_prerequisite;
mod statement_may_differ;
mod synchronous_replay;
mod unlogged_table;
mod wal_budget;

use crate::rule::Rule;

pub(crate) const RULES: &[&Rule] = &[
    &cascade_not_logged::CASCADE_NOT_LOGGED,
    &concurrently_cancels_standby::CONCURRENTLY_CANCELS_STANDBY,
    &create_table_select::CREATE_TABLE_SELECT,
    &definer_may_be_missing::DEFINER_MAY_BE_MISSING,
    &exclusive_lock_held::EXCLUSIVE_LOCK_HELD,
    &file_written_anew::FILE_WRITTEN_ANEW,
    &logical_change_not_carried::LOGICAL_CHANGE_NOT_CARRIED,
    &logical_large_transaction::LOGICAL_LARGE_TRANSACTION,
    &logical_slot_waits::LOGICAL_SLOT_WAITS,
    &names_database::NAMES_DATABASE,
    &no_primary_key::NO_PRIMARY_KEY,
    &not_carried_logically::NOT_CARRIED_LOGICALLY,
    &online_log_overflows::ONLINE_LOG_OVERFLOWS,
    &primary_key_guard_lifted::PRIMARY_KEY_GUARD_LIFTED,
    &primary_only::PRIMARY_ONLY,
    &replayed_as_a_whole::REPLAYED_AS_A_WHOLE,
    &replica_identity_full::REPLICA_IDENTITY_FULL,
    &replica_identity_lost::REPLICA_IDENTITY_LOST,
    &replica_reader_blocks_replay::REPLICA_READER_BLOCKS_REPLAY,
    &replicas_not_awaited::REPLICAS_NOT_AWAITED,
    &setting_not_everywhere::SETTING_NOT_EVERYWHERE,
    &standby_lock_conflict::STANDBY_LOCK_CONFLICT,
    &standby_prerequisite::STANDBY_PREREQUISITE,
    &statement_may_differ::STATEMENT_MAY_DIFFER,
    &synchronous_replay::SYNCHRONOUS_REPLAY,
    &unlogged_table::UNLOGGED_TABLE,
    &wal_budget::WAL_BUDGET,
];
