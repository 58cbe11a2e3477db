//! MySQL's own side of the differences.

use super::flavour::{BlockerQuery, Flavour, numbers};
use greylag_core::engine::Engine;

pub struct MySql;

impl Flavour for MySql {
    fn engine(&self) -> Engine {
        Engine::Mysql
    }

    fn too_old(&self, version: &str) -> Option<&'static str> {
        (numbers(version) < (8, 0, 22))
            .then_some("MySQL 8.0.22 is the oldest with SHOW REPLICA STATUS and atomic DDL")
    }

    // Without a privilege a server only shows that it is a replica by having played a position of its source: the source's log
    // is usually named as its own. NULL then means: not proven.
    fn server_sql(&self) -> &'static str {
        "SELECT @@server_uuid, @@global.read_only OR @@global.super_read_only OR @@global.innodb_read_only, \
         IF(@@global.log_bin, SOURCE_POS_WAIT(CONCAT(SUBSTRING_INDEX(@@global.log_bin_basename, '/', -1), '.000001'), 4, 0.001) \
         IS NOT NULL, NULL)"
    }

    fn replica_sql(&self) -> &'static str {
        "SHOW REPLICA STATUS"
    }

    fn replica_privilege(&self) -> &'static str {
        "REPLICATION CLIENT"
    }

    fn position_sql(&self) -> &'static str {
        "SELECT IF(@@global.log_bin AND @@global.gtid_mode = 'ON', CONCAT('gtid:', REPLACE(@@global.gtid_executed, '\\n', '')), '')"
    }

    fn reset_sql(&self) -> &'static str {
        "SET NAMES utf8mb4; SET SESSION autocommit = 1, sql_mode = DEFAULT, time_zone = DEFAULT, foreign_key_checks = DEFAULT, \
         unique_checks = DEFAULT, sql_notes = DEFAULT, sql_safe_updates = DEFAULT, sql_select_limit = DEFAULT, \
         transaction_isolation = DEFAULT, transaction_read_only = DEFAULT, max_execution_time = DEFAULT, \
         group_concat_max_len = DEFAULT, default_storage_engine = DEFAULT; SET ROLE DEFAULT"
    }

    fn create_select_is_atomic(&self) -> bool {
        true
    }

    fn application_sql(&self) -> Option<&'static str> {
        Some(
            "SELECT attr_value FROM performance_schema.session_account_connect_attrs \
             WHERE processlist_id = {pid} AND attr_name = 'program_name'",
        )
    }

    fn blocker_sql(&self) -> &'static [BlockerQuery] {
        &[
            BlockerQuery {
                sql: "SELECT DISTINCT holder.processlist_id, holder.processlist_user, \
                      CONCAT(held.lock_type, ' metadata lock on ', COALESCE(held.object_schema, ''), '.', COALESCE(held.object_name, '')), \
                      COALESCE(holder.processlist_info, last.sql_text), \
                      TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, attr.attr_value \
                      FROM performance_schema.threads waiter \
                      JOIN performance_schema.metadata_locks wanted \
                        ON wanted.owner_thread_id = waiter.thread_id AND wanted.lock_status = 'PENDING' \
                      JOIN performance_schema.metadata_locks held \
                        ON held.object_type = wanted.object_type AND held.object_schema <=> wanted.object_schema \
                       AND held.object_name <=> wanted.object_name AND held.lock_status = 'GRANTED' \
                       AND held.owner_thread_id <> wanted.owner_thread_id \
                      JOIN performance_schema.threads holder ON holder.thread_id = held.owner_thread_id \
                      LEFT JOIN performance_schema.events_statements_current last ON last.thread_id = holder.thread_id \
                      LEFT JOIN information_schema.innodb_trx trx ON trx.trx_mysql_thread_id = holder.processlist_id \
                      LEFT JOIN performance_schema.session_connect_attrs attr \
                        ON attr.processlist_id = holder.processlist_id AND attr.attr_name = 'program_name' \
                      WHERE waiter.processlist_id = {pid} AND holder.processlist_id IS NOT NULL",
                unseen: "metadata locks can't be seen: GRANT SELECT ON performance_schema.* and GRANT PROCESS ON *.* would show them",
            },
            BlockerQuery {
                sql: "SELECT DISTINCT holder.processlist_id, holder.processlist_user, \
                      CONCAT(held.lock_mode, ' lock on rows of ', held.object_schema, '.', held.object_name), \
                      COALESCE(holder.processlist_info, last.sql_text), \
                      TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, attr.attr_value \
                      FROM performance_schema.threads waiter \
                      JOIN performance_schema.data_lock_waits waits ON waits.requesting_thread_id = waiter.thread_id \
                      JOIN performance_schema.data_locks held ON held.engine_lock_id = waits.blocking_engine_lock_id \
                      JOIN performance_schema.threads holder ON holder.thread_id = waits.blocking_thread_id \
                      LEFT JOIN performance_schema.events_statements_current last ON last.thread_id = holder.thread_id \
                      LEFT JOIN information_schema.innodb_trx trx ON trx.trx_mysql_thread_id = holder.processlist_id \
                      LEFT JOIN performance_schema.session_connect_attrs attr \
                        ON attr.processlist_id = holder.processlist_id AND attr.attr_name = 'program_name' \
                      WHERE waiter.processlist_id = {pid} AND holder.processlist_id IS NOT NULL",
                unseen: "row locks can't be seen: GRANT SELECT ON performance_schema.* and GRANT PROCESS ON *.* would show them",
            },
        ]
    }

    fn settings_sql(&self) -> &'static str {
        "SELECT 'log_bin', @@global.log_bin UNION ALL SELECT 'gtid_mode', @@global.gtid_mode \
         UNION ALL SELECT 'performance_schema', @@global.performance_schema"
    }

    fn judge_setting(&self, name: &str, value: &str) -> Option<(&'static str, &'static str)> {
        match (name, value) {
            ("log_bin", "0") => Some((
                "the binary log is off: there is no position to wait for, so replicas can't be proved to have a migration",
                "start the server with log_bin",
            )),
            ("gtid_mode", mode) if mode != "ON" => Some((
                "GTIDs are off: replicas can't be proved to have a migration",
                "SET PERSIST enforce_gtid_consistency = ON; then raise gtid_mode step by step to ON",
            )),
            ("performance_schema", "0") => Some((
                "the performance schema is off: who blocks a migration can't be named",
                "start the server with performance_schema = ON",
            )),
            _ => None,
        }
    }
}
