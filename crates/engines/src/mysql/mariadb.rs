//! MariaDB, the flavour: everything it says or does differently from MySQL is in this file.
//!
//! It has no server uuid. What it can prove of itself is host name, port, data directory and `server_id`: together the lineage.
//! They outlive restarts and tell servers apart that run today; a clone of the whole machine carries them along, as a clone of
//! MySQL carries its uuid. (`server_uid` is made from the network card, and so changes with each new container.)

use super::{
    flavour::{BlockerQuery, Flavour, numbers},
    observe::{InTheWay, Look, Question, ROW_WAITS, StatusColumns, Topic},
    quote,
};
use greylag_core::{engine::Engine, online::Way};

pub struct MariaDb;

impl Flavour for MariaDb {
    fn engine(&self) -> Engine {
        Engine::Mariadb
    }

    fn too_old(&self, version: &str) -> Option<&'static str> {
        (numbers(version) < (10, 6, 0)).then_some("MariaDB 10.6 is the oldest with atomic DDL")
    }

    // `Slave_running` is there for every account. It is ON while both threads of the default source run.
    fn server_sql(&self) -> &'static str {
        "SELECT CONCAT_WS(':', @@hostname, @@port, @@datadir, @@global.server_id), \
         @@global.read_only NOT IN ('0', 'OFF') OR @@global.innodb_read_only, \
         (SELECT MAX(variable_value NOT IN ('OFF', '0')) FROM information_schema.global_status \
           WHERE variable_name IN ('SLAVE_RUNNING', 'SLAVES_RUNNING'))"
    }

    fn replica_sql(&self) -> &'static str {
        "SHOW ALL SLAVES STATUS"
    }

    fn replica_privilege(&self) -> &'static str {
        "SLAVE MONITOR"
    }

    fn position_sql(&self) -> &'static str {
        "SELECT IF(@@global.log_bin, CONCAT('domains:', @@global.gtid_binlog_pos), '')"
    }

    // A binary log of MariaDB always has GTIDs.
    fn log_sql(&self, _: &str) -> Option<&'static str> {
        None
    }

    fn look(&self) -> &'static Look {
        &LOOK
    }

    fn reset_sql(&self) -> &'static str {
        "SET NAMES utf8mb4; SET SESSION autocommit = 1, sql_mode = DEFAULT, time_zone = DEFAULT, foreign_key_checks = DEFAULT, \
         unique_checks = DEFAULT, sql_notes = DEFAULT, sql_safe_updates = DEFAULT, sql_select_limit = DEFAULT, \
         tx_isolation = DEFAULT, tx_read_only = DEFAULT, max_statement_time = DEFAULT, \
         group_concat_max_len = DEFAULT, default_storage_engine = DEFAULT"
    }

    fn create_select_is_atomic(&self) -> bool {
        false
    }

    fn application_sql(&self) -> Option<&'static str> {
        None
    }

    fn blocker_sql(&self) -> &'static [BlockerQuery] {
        &[
            BlockerQuery {
                sql: "SELECT DISTINCT holder.id, holder.user, CONCAT(held.lock_mode, ' lock on rows of ', held.lock_table), \
                      COALESCE(holder.info, trx.trx_query), \
                      TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, NULL \
                      FROM information_schema.innodb_trx waiter \
                      JOIN information_schema.innodb_lock_waits waits ON waits.requesting_trx_id = waiter.trx_id \
                      JOIN information_schema.innodb_locks held ON held.lock_id = waits.blocking_lock_id \
                      JOIN information_schema.innodb_trx trx ON trx.trx_id = waits.blocking_trx_id \
                      LEFT JOIN information_schema.processlist holder ON holder.id = trx.trx_mysql_thread_id \
                      WHERE waiter.trx_mysql_thread_id = {pid}",
                unseen: "row locks can't be seen: GRANT PROCESS ON *.* would show them",
            },
            BlockerQuery {
                sql: "SELECT DISTINCT holder.id, holder.user, \
                      CONCAT(held.lock_mode, ' on ', held.table_schema, '.', held.table_name), holder.info, \
                      TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, NULL \
                      FROM information_schema.processlist waiter \
                      JOIN information_schema.metadata_lock_info held \
                        ON held.thread_id <> waiter.id AND held.lock_type = 'Table metadata lock' \
                       AND LOCATE(held.table_name, waiter.info) > 0 \
                      JOIN information_schema.processlist holder ON holder.id = held.thread_id \
                      LEFT JOIN information_schema.innodb_trx trx ON trx.trx_mysql_thread_id = holder.id \
                      WHERE waiter.id = {pid} AND waiter.state LIKE '%metadata lock%'",
                unseen: "",
            },
            // Without the plugin METADATA_LOCK_INFO nothing says who holds a metadata lock: every open transaction of the same
            // database may.
            BlockerQuery {
                sql: "SELECT holder.id, holder.user, \
                      'perhaps a metadata lock: its transaction is open (INSTALL SONAME ''metadata_lock_info'' would tell)', \
                      COALESCE(holder.info, trx.trx_query), \
                      TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, NULL \
                      FROM information_schema.processlist waiter \
                      JOIN information_schema.innodb_trx trx ON trx.trx_mysql_thread_id <> waiter.id \
                      JOIN information_schema.processlist holder \
                        ON holder.id = trx.trx_mysql_thread_id AND holder.db <=> waiter.db \
                      WHERE waiter.id = {pid} AND waiter.state LIKE '%metadata lock%' \
                        AND NOT EXISTS (SELECT 1 FROM information_schema.plugins \
                                         WHERE plugin_name = 'METADATA_LOCK_INFO' AND plugin_status = 'ACTIVE')",
                unseen: "metadata locks can't be seen: GRANT PROCESS ON *.* would show the open transactions",
            },
        ]
    }

    fn inplace_ways(&self) -> &'static [Way] {
        &[Way::Nocopy, Way::Inplace]
    }

    fn partitions_take_ways(&self) -> bool {
        false
    }

    fn tool_settings(&self, _: &str) -> &'static [&'static str] {
        &[]
    }

    fn extent_sql(&self, schema: Option<&str>, table: &str) -> String {
        format!(
            "SELECT DATA_LENGTH + COALESCE(INDEX_LENGTH, 0) FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} AND TABLE_TYPE = 'BASE TABLE'",
            quote::schema(schema),
            quote::text(table)
        )
    }

    fn settings_sql(&self) -> &'static str {
        "SELECT variable_name, variable_value FROM information_schema.global_variables \
         WHERE variable_name IN ('LOG_BIN', 'GTID_STRICT_MODE', 'WSREP_ON')"
    }

    fn judge_setting(&self, name: &str, value: &str) -> Option<(&'static str, &'static str)> {
        match (name, value) {
            ("LOG_BIN", "OFF") => Some((
                "the binary log is off: there is no position to wait for, so replicas can't be proved to have a migration",
                "start the server with log_bin",
            )),
            ("GTID_STRICT_MODE", "OFF") => Some((
                "gtid_strict_mode is off: a replica that was written to by itself goes unnoticed",
                "SET GLOBAL gtid_strict_mode = ON",
            )),
            ("WSREP_ON", "ON") => Some((
                "this is a Galera node: named locks hold on this node alone, so every project must come through the same node",
                "point all projects at one node",
            )),
            _ => None,
        }
    }
}

static LOOK: Look = Look {
    questions: &[
        Question {
            topic: Topic::Facts,
            sql: "SELECT CONCAT_WS(':', @@hostname, @@port, @@datadir, @@global.server_id) AS lineage, \
                  CONCAT(@@global.server_id, '@', @@hostname, ':', @@port) AS own, @@global.server_id AS id, \
                  CONCAT(@@hostname, ':', @@port) AS address, \
                  @@global.read_only NOT IN ('0', 'OFF') OR @@global.innodb_read_only AS read_only, 1 AS gtids, \
                  IF(@@global.log_bin, CONCAT('domains:', @@global.gtid_binlog_pos), '') AS written, \
                  CONCAT('domains:', @@global.gtid_slave_pos) AS replayed, 1 AS instruments",
            unseen: "who it is",
            privilege: "USAGE",
            hangs_on: None,
        },
        Question {
            topic: Topic::Replica,
            sql: "SHOW ALL SLAVES STATUS",
            unseen: "whether it is a replica, and how replication runs there",
            privilege: "SLAVE MONITOR",
            hangs_on: None,
        },
        // Without PROCESS the list of processes is short, not refused: what is read from it hangs on this.
        Question {
            topic: Topic::Oldest,
            sql: "SELECT trx.trx_mysql_thread_id, holder.user, NULL, COALESCE(holder.info, trx.trx_query), \
                  TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, NULL \
                  FROM information_schema.innodb_trx trx \
                  JOIN information_schema.processlist holder ON holder.id = trx.trx_mysql_thread_id \
                  WHERE holder.user <> 'system user' AND holder.id <> CONNECTION_ID() ORDER BY trx.trx_started, trx.trx_mysql_thread_id LIMIT 1",
            unseen: "its oldest transaction, how busy it is, who waits for locks, and who blocks replay",
            privilege: "PROCESS",
            hangs_on: None,
        },
        ROW_WAITS,
        Question {
            topic: Topic::Threads,
            sql: "SELECT id, IF(command = 'Binlog Dump', 'dump', 'applier') AS kind, user, host, state, NULL AS identity \
                  FROM information_schema.processlist \
                  WHERE command = 'Binlog Dump' OR (user = 'system user' AND command IN ('Slave_SQL', 'Slave_worker'))",
            unseen: "who blocks replay",
            privilege: "PROCESS",
            hangs_on: Some(Topic::Oldest),
        },
        Question {
            topic: Topic::Load,
            sql: "SELECT COUNT(*) AS active, COALESCE(SUM(state LIKE 'Waiting for%lock%'), 0) AS waiting \
                  FROM information_schema.processlist \
                  WHERE command NOT IN ('Sleep', 'Daemon', 'Binlog Dump') AND user NOT IN ('system user', 'event_scheduler') \
                    AND id <> CONNECTION_ID() AND COALESCE(IS_USED_LOCK(CONCAT('greylag-session-', id)) <> id, TRUE)",
            unseen: "how busy it is",
            privilege: "PROCESS",
            hangs_on: Some(Topic::Oldest),
        },
        Question {
            topic: Topic::Children,
            sql: "SHOW SLAVE HOSTS",
            unseen: "the addresses of its replicas",
            privilege: "REPLICATION MASTER ADMIN",
            hangs_on: None,
        },
    ],
    log: None,
    // ON while both threads of the default source run.
    hint: Some(&Question {
        topic: Topic::Hint,
        sql: "SELECT MAX(variable_value NOT IN ('OFF', '0')) AS hint FROM information_schema.global_status \
              WHERE variable_name IN ('SLAVE_RUNNING', 'SLAVES_RUNNING')",
        unseen: "whether it is a replica",
        privilege: "SLAVE MONITOR",
        hangs_on: None,
    }),
    replay_blockers: &[
        "SELECT DISTINCT holder.id, holder.user, CONCAT(held.lock_mode, ' lock on rows of ', held.lock_table), \
         COALESCE(holder.info, trx.trx_query), TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, NULL \
         FROM information_schema.processlist applier \
         JOIN information_schema.innodb_trx waiter ON waiter.trx_mysql_thread_id = applier.id \
         JOIN information_schema.innodb_lock_waits waits ON waits.requesting_trx_id = waiter.trx_id \
         JOIN information_schema.innodb_locks held ON held.lock_id = waits.blocking_lock_id \
         JOIN information_schema.innodb_trx trx ON trx.trx_id = waits.blocking_trx_id \
         JOIN information_schema.processlist holder ON holder.id = trx.trx_mysql_thread_id \
         WHERE applier.user = 'system user' AND holder.user <> 'system user'",
        "SELECT holder.id, holder.user, \
         IF(held.lock_type = 'Backup lock', held.lock_mode, CONCAT(held.lock_mode, ' on ', held.table_schema, '.', held.table_name)), \
         holder.info, COALESCE(TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, held.lock_time_ms), NULL \
         FROM information_schema.processlist applier \
         JOIN information_schema.metadata_lock_info held ON held.thread_id <> applier.id \
          AND ((held.lock_type = 'Backup lock' AND applier.state LIKE '%backup lock%' AND held.lock_mode LIKE 'MDL\\_BACKUP\\_%' \
                AND held.lock_mode NOT IN ('MDL_BACKUP_DML', 'MDL_BACKUP_TRANS_DML', 'MDL_BACKUP_SYS_DML', 'MDL_BACKUP_DDL')) \
            OR (held.lock_type = 'Table metadata lock' AND applier.state LIKE '%metadata lock%' \
                AND (applier.info IS NULL OR LOCATE(held.table_name, applier.info) > 0))) \
         JOIN information_schema.processlist holder ON holder.id = held.thread_id AND holder.user <> 'system user' \
         LEFT JOIN information_schema.innodb_trx trx ON trx.trx_mysql_thread_id = holder.id \
         WHERE applier.user = 'system user' AND applier.command IN ('Slave_SQL', 'Slave_worker')",
        // Without the plugin METADATA_LOCK_INFO nothing says who holds a metadata lock: every open transaction may.
        "SELECT holder.id, holder.user, \
         'perhaps the lock: its transaction is open (INSTALL SONAME ''metadata_lock_info'' would tell)', \
         COALESCE(holder.info, trx.trx_query), TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, NULL \
         FROM information_schema.innodb_trx trx \
         JOIN information_schema.processlist holder ON holder.id = trx.trx_mysql_thread_id AND holder.user <> 'system user' \
         WHERE EXISTS (SELECT 1 FROM information_schema.processlist applier WHERE applier.user = 'system user' \
                        AND applier.command IN ('Slave_SQL', 'Slave_worker') AND applier.state LIKE 'Waiting for%lock') \
           AND NOT EXISTS (SELECT 1 FROM information_schema.plugins \
                            WHERE plugin_name = 'METADATA_LOCK_INFO' AND plugin_status = 'ACTIVE') \
         ORDER BY trx.trx_started",
    ],
    // A global read lock is held by no transaction, and shown by the plugin alone.
    sees_all_holders: false,
    in_the_way: &[
        InTheWay {
            sql: "SELECT holder.id, holder.user, CONCAT(held.lock_mode, ' on ', held.table_schema, '.', held.table_name), \
                  COALESCE(holder.info, trx.trx_query), \
                  COALESCE(TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, held.lock_time_ms), NULL \
                  FROM information_schema.metadata_lock_info held \
                  JOIN information_schema.processlist holder ON holder.id = held.thread_id \
                  LEFT JOIN information_schema.innodb_trx trx ON trx.trx_mysql_thread_id = holder.id \
                  WHERE held.lock_type = 'Table metadata lock' AND holder.user <> 'system user' \
                    AND holder.id <> CONNECTION_ID() AND {tables}",
            schema: "held.table_schema",
            name: "held.table_name",
        },
        // Without the plugin any open transaction may hold any table.
        InTheWay {
            sql: "SELECT holder.id, holder.user, \
                  'perhaps a metadata lock: its transaction is open (INSTALL SONAME ''metadata_lock_info'' would tell)', \
                  COALESCE(holder.info, trx.trx_query), TIMESTAMPDIFF(MICROSECOND, trx.trx_started, NOW(6)) DIV 1000, NULL \
                  FROM information_schema.innodb_trx trx \
                  JOIN information_schema.processlist holder ON holder.id = trx.trx_mysql_thread_id \
                  WHERE holder.user <> 'system user' AND holder.id <> CONNECTION_ID()",
            schema: "",
            name: "",
        },
    ],
    status: StatusColumns {
        channel: "Connection_name",
        host: "Master_Host",
        port: "Master_Port",
        user: "Master_User",
        identity: "Master_Server_Id",
        receives: "Slave_IO_Running",
        applies: "Slave_SQL_Running",
        state: "Slave_SQL_Running_State",
        read: ["Master_Log_File", "Read_Master_Log_Pos"],
        executed: ["Relay_Master_Log_File", "Exec_Master_Log_Pos"],
        received: "Gtid_IO_Pos",
    },
    child: ["Server_id", "Server_id", "Host", "Port"],
};
