//! MySQL's own side of the differences.

use super::{
    flavour::{BlockerQuery, Flavour, numbers},
    observe::{InTheWay, Look, Question, ROW_WAITS, StatusColumns, Topic},
    quote,
};
use greylag_core::{engine::Engine, online::Way};

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

    fn log_sql(&self, version: &str) -> Option<&'static str> {
        Some(log_question(version).sql)
    }

    fn look(&self) -> &'static Look {
        &LOOK
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

    fn inplace_ways(&self) -> &'static [Way] {
        &[Way::Inplace]
    }

    fn partitions_take_ways(&self) -> bool {
        true
    }

    /// A tool that looks for the column `rows` in the tree that EXPLAIN draws by default since 9 takes each table for empty, and
    /// copies it at one go.
    fn tool_settings(&self, version: &str) -> &'static [&'static str] {
        match numbers(version) >= (8, 0, 32) {
            true => &["explain_format=TRADITIONAL"],
            false => &[],
        }
    }

    /// Figures that the server keeps for a day would be told of otherwise.
    fn extent_sql(&self, schema: Option<&str>, table: &str) -> String {
        format!(
            "SET SESSION information_schema_stats_expiry = 0; \
             SELECT DATA_LENGTH + COALESCE(INDEX_LENGTH, 0) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND TABLE_TYPE = 'BASE TABLE'; \
             SET SESSION information_schema_stats_expiry = DEFAULT",
            quote::schema(schema),
            quote::text(table)
        )
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
                "GTIDs are off: only replicas that follow this very server can be proved to have a migration, by log and offset",
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

static LOOK: Look = Look {
    questions: &[
        Question {
            topic: Topic::Facts,
            sql: "SELECT @@server_uuid AS lineage, @@server_uuid AS own, @@server_uuid AS id, CONCAT(@@hostname, ':', @@port) AS address, \
                  @@global.read_only OR @@global.super_read_only OR @@global.innodb_read_only AS read_only, \
                  @@global.gtid_mode = 'ON' AS gtids, \
                  IF(@@global.log_bin AND @@global.gtid_mode = 'ON', CONCAT('gtid:', REPLACE(@@global.gtid_executed, '\\n', '')), '') AS written, \
                  IF(@@global.gtid_mode = 'ON', CONCAT('gtid:', REPLACE(@@global.gtid_executed, '\\n', '')), '') AS replayed, \
                  @@global.performance_schema AS instruments",
            unseen: "who it is",
            privilege: "USAGE",
            hangs_on: None,
        },
        Question {
            topic: Topic::Replica,
            sql: "SHOW REPLICA STATUS",
            unseen: "whether it is a replica, and how replication runs there",
            privilege: "REPLICATION CLIENT",
            hangs_on: None,
        },
        // The coordinator holds what is delayed on purpose, the workers what is being applied.
        Question {
            topic: Topic::Ages,
            sql: "SELECT c.channel_name AS channel, \
                  IF(c.last_heartbeat_timestamp > '2000-01-01' OR c.last_queued_transaction_end_queue_timestamp > '2000-01-01', \
                     TIMESTAMPDIFF(MICROSECOND, GREATEST(c.last_heartbeat_timestamp, c.last_queued_transaction_end_queue_timestamp, \
                       c.queueing_transaction_start_queue_timestamp), NOW(6)), NULL) AS silent_us, \
                  conf.heartbeat_interval AS heartbeat_s, \
                  TIMESTAMPDIFF(MICROSECOND, LEAST( \
                    COALESCE((SELECT MIN(w.applying_transaction_original_commit_timestamp) \
                       FROM performance_schema.replication_applier_status_by_worker w \
                      WHERE w.channel_name = c.channel_name AND w.applying_transaction_original_commit_timestamp > '2000-01-01'), NOW(6)), \
                    COALESCE((SELECT p.processing_transaction_original_commit_timestamp \
                       FROM performance_schema.replication_applier_status_by_coordinator p \
                      WHERE p.channel_name = c.channel_name AND p.processing_transaction_original_commit_timestamp > '2000-01-01'), NOW(6))), \
                    NOW(6)) AS applying_us, \
                  (SELECT CONCAT('error ', w.last_error_number, ': ', w.last_error_message) \
                     FROM performance_schema.replication_applier_status_by_worker w \
                    WHERE w.channel_name = c.channel_name AND w.last_error_number <> 0 \
                    ORDER BY w.last_error_timestamp DESC LIMIT 1) AS error \
                  FROM performance_schema.replication_connection_status c \
                  JOIN performance_schema.replication_connection_configuration conf ON conf.channel_name = c.channel_name",
            unseen: "how old what it applies is, and how long its source has been silent",
            privilege: "SELECT",
            hangs_on: None,
        },
        Question {
            topic: Topic::Threads,
            sql: "SELECT t.processlist_id AS id, IF(t.processlist_command LIKE 'Binlog Dump%', 'dump', 'applier') AS kind, \
                  t.processlist_user AS user, t.processlist_host AS host, t.processlist_state AS state, \
                  IF(t.processlist_command LIKE 'Binlog Dump%', \
                     (SELECT MAX(v.variable_value) FROM performance_schema.user_variables_by_thread v \
                       WHERE v.thread_id = t.thread_id AND v.variable_name IN ('replica_uuid', 'slave_uuid')), NULL) AS identity \
                  FROM performance_schema.threads t \
                  WHERE t.processlist_command LIKE 'Binlog Dump%' OR t.name IN ('thread/sql/replica_sql', 'thread/sql/replica_worker', \
                        'thread/sql/slave_sql', 'thread/sql/slave_worker')",
            unseen: "who blocks replay, and who reads the binary log",
            privilege: "SELECT",
            hangs_on: None,
        },
        Question {
            topic: Topic::Load,
            sql: "SELECT COUNT(*) AS active, COALESCE(SUM(t.processlist_state LIKE 'Waiting for%lock%'), 0) AS waiting \
                  FROM performance_schema.threads t \
                  WHERE t.processlist_command NOT IN ('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID') \
                    AND t.processlist_id <> CONNECTION_ID() \
                    AND t.name NOT LIKE 'thread/sql/replica%' AND t.name NOT LIKE 'thread/sql/slave%' \
                    AND COALESCE(IS_USED_LOCK(CONCAT('greylag-session-', t.processlist_id)) <> t.processlist_id, TRUE)",
            unseen: "how busy it is, and who waits for a lock",
            privilege: "SELECT",
            hangs_on: None,
        },
        Question {
            topic: Topic::Oldest,
            sql: "SELECT t.processlist_id, t.processlist_user, NULL, COALESCE(t.processlist_info, last.sql_text), \
                  TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, attr.attr_value \
                  FROM information_schema.innodb_trx trx \
                  JOIN performance_schema.threads t ON t.processlist_id = trx.trx_mysql_thread_id \
                  LEFT JOIN performance_schema.events_statements_current last ON last.thread_id = t.thread_id \
                  LEFT JOIN performance_schema.session_connect_attrs attr \
                    ON attr.processlist_id = t.processlist_id AND attr.attr_name = 'program_name' \
                  WHERE t.processlist_id <> CONNECTION_ID() AND t.name NOT LIKE 'thread/sql/replica%' AND t.name NOT LIKE 'thread/sql/slave%' \
                  ORDER BY trx.trx_started, trx.trx_mysql_thread_id LIMIT 1",
            unseen: "its oldest transaction",
            privilege: "PROCESS",
            hangs_on: None,
        },
        ROW_WAITS,
        Question {
            topic: Topic::Children,
            sql: "SHOW REPLICAS",
            unseen: "the addresses of its replicas",
            privilege: "REPLICATION SLAVE",
            hangs_on: None,
        },
    ],
    log: Some(log_question),
    // A server only shows without privilege that it is a replica by having played a position of its source, whose log is usually
    // named as its own.
    hint: Some(&Question {
        topic: Topic::Hint,
        sql: "SELECT IF(@@global.log_bin, SOURCE_POS_WAIT(CONCAT(SUBSTRING_INDEX(@@global.log_bin_basename, '/', -1), '.000001'), 4, 0.001) \
              IS NOT NULL, NULL) AS hint",
        unseen: "whether it is a replica",
        privilege: "REPLICATION CLIENT",
        hangs_on: None,
    }),
    replay_blockers: &[
        "SELECT DISTINCT holder.processlist_id, holder.processlist_user, \
         CONCAT(held.lock_type, ' metadata lock on ', COALESCE(CONCAT(held.object_schema, '.', held.object_name), held.object_schema, held.object_type)), \
         COALESCE(holder.processlist_info, last.sql_text), COALESCE( \
         (SELECT MAX(e.timer_wait) DIV 1000000000 FROM performance_schema.events_transactions_current e \
           WHERE e.thread_id = holder.thread_id AND e.state = 'ACTIVE'), holder.processlist_time * 1000), attr.attr_value \
         FROM performance_schema.threads waiter \
         JOIN performance_schema.metadata_locks wanted ON wanted.owner_thread_id = waiter.thread_id AND wanted.lock_status = 'PENDING' \
         JOIN performance_schema.metadata_locks held \
           ON held.object_type = wanted.object_type AND held.object_schema <=> wanted.object_schema \
          AND held.object_name <=> wanted.object_name AND held.lock_status = 'GRANTED' \
          AND NOT (held.lock_type = 'INTENTION_EXCLUSIVE' AND wanted.lock_type = 'INTENTION_EXCLUSIVE') \
         JOIN performance_schema.threads holder ON holder.thread_id = held.owner_thread_id \
         LEFT JOIN performance_schema.events_statements_current last ON last.thread_id = holder.thread_id \
         LEFT JOIN performance_schema.session_connect_attrs attr \
           ON attr.processlist_id = holder.processlist_id AND attr.attr_name = 'program_name' \
         WHERE (waiter.name LIKE 'thread/sql/replica%' OR waiter.name LIKE 'thread/sql/slave%') AND holder.processlist_id IS NOT NULL \
           AND holder.name NOT LIKE 'thread/sql/replica%' AND holder.name NOT LIKE 'thread/sql/slave%'",
        "SELECT DISTINCT holder.processlist_id, holder.processlist_user, \
         CONCAT(held.lock_mode, ' lock on rows of ', held.object_schema, '.', held.object_name), \
         COALESCE(holder.processlist_info, last.sql_text), COALESCE( \
         (SELECT MAX(e.timer_wait) DIV 1000000000 FROM performance_schema.events_transactions_current e \
           WHERE e.thread_id = holder.thread_id AND e.state = 'ACTIVE'), holder.processlist_time * 1000), attr.attr_value \
         FROM performance_schema.threads waiter \
         JOIN performance_schema.data_lock_waits waits ON waits.requesting_thread_id = waiter.thread_id \
         JOIN performance_schema.data_locks held ON held.engine_lock_id = waits.blocking_engine_lock_id \
         JOIN performance_schema.threads holder ON holder.thread_id = waits.blocking_thread_id \
         LEFT JOIN performance_schema.events_statements_current last ON last.thread_id = holder.thread_id \
         LEFT JOIN performance_schema.session_connect_attrs attr \
           ON attr.processlist_id = holder.processlist_id AND attr.attr_name = 'program_name' \
         WHERE (waiter.name LIKE 'thread/sql/replica%' OR waiter.name LIKE 'thread/sql/slave%') AND holder.processlist_id IS NOT NULL \
           AND holder.name NOT LIKE 'thread/sql/replica%' AND holder.name NOT LIKE 'thread/sql/slave%'",
    ],
    sees_all_holders: true,
    in_the_way: &[InTheWay {
        sql: "SELECT DISTINCT holder.processlist_id, holder.processlist_user, \
              CONCAT(held.lock_type, ' metadata lock on ', held.object_schema, '.', held.object_name), \
              COALESCE(holder.processlist_info, last.sql_text), \
              COALESCE( \
         (SELECT MAX(e.timer_wait) DIV 1000000000 FROM performance_schema.events_transactions_current e \
           WHERE e.thread_id = holder.thread_id AND e.state = 'ACTIVE'), holder.processlist_time * 1000), attr.attr_value \
              FROM performance_schema.metadata_locks held \
              JOIN performance_schema.threads holder ON holder.thread_id = held.owner_thread_id \
              LEFT JOIN performance_schema.events_statements_current last ON last.thread_id = holder.thread_id \
              LEFT JOIN performance_schema.session_connect_attrs attr \
                ON attr.processlist_id = holder.processlist_id AND attr.attr_name = 'program_name' \
              WHERE held.object_type = 'TABLE' AND held.lock_status = 'GRANTED' AND holder.processlist_id <> CONNECTION_ID() \
                AND holder.name NOT LIKE 'thread/sql/replica%' AND holder.name NOT LIKE 'thread/sql/slave%' AND {tables}",
        schema: "held.object_schema",
        name: "held.object_name",
    }],
    status: StatusColumns {
        channel: "Channel_Name",
        host: "Source_Host",
        port: "Source_Port",
        user: "Source_User",
        identity: "Source_UUID",
        receives: "Replica_IO_Running",
        applies: "Replica_SQL_Running",
        state: "Replica_SQL_Running_State",
        read: ["Source_Log_File", "Read_Source_Log_Pos"],
        executed: ["Relay_Source_Log_File", "Exec_Source_Log_Pos"],
        received: "Retrieved_Gtid_Set",
    },
    child: ["Replica_UUID", "Server_Id", "Host", "Port"],
};

/// 8.2 renamed the statement, 8.4 forgot the old name.
fn log_question(version: &str) -> &'static Question {
    const NEW: Question = log("SHOW BINARY LOG STATUS");
    const OLD: Question = log("SHOW MASTER STATUS");
    match numbers(version) >= (8, 2, 0) {
        true => &NEW,
        false => &OLD,
    }
}

const fn log(sql: &'static str) -> Question {
    Question {
        topic: Topic::Log,
        sql,
        unseen: "its position, while GTIDs are off",
        privilege: "REPLICATION CLIENT",
        hangs_on: None,
    }
}
