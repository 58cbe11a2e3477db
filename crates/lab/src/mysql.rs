//! How MySQL and MariaDB are run. What differs between the two stands here, side by side.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use async_trait::async_trait;
use rustix::process::Signal;

use crate::error::SqlError;
use crate::installation::Installation;
use crate::node::{Node, PASSWORD, USER};
use crate::recipe::Recipe;
use crate::sql;

/// For both. Nothing is synced to disk, since a test's server loses its process, never its machine; but each commit is
/// written (the 2), or a killed server would forget the last second.
const SETTINGS: &str = "
bind-address = 127.0.0.1
skip-name-resolve
character-set-server = utf8mb4
max_connections = 200
max_allowed_packet = 64M
key_buffer_size = 256K
innodb_buffer_pool_size = 16M
innodb_flush_log_at_trx_commit = 2
innodb_doublewrite = OFF
innodb_use_native_aio = 0
sync_binlog = 0
log-bin = bin
binlog_format = ROW
log_bin_trust_function_creators = ON
";

/// performance_schema stays off, as it is by default.
const MARIADB: &str = "
innodb_log_file_size = 8M
innodb_fast_shutdown = 2
gtid_strict_mode = ON
log_slave_updates = ON
";

/// performance_schema stays on, as it is by default, but shrunk: half the memory.
const MYSQL: &str = "
mysqlx = OFF
gtid_mode = ON
enforce_gtid_consistency = ON
report_host = 127.0.0.1
secure_file_priv = NULL
innodb_redo_log_capacity = 16M
innodb_temp_data_file_path = ibtmp1:12M:autoextend
innodb_log_buffer_size = 1M
innodb_read_io_threads = 1
innodb_write_io_threads = 1
innodb_purge_threads = 1
table_definition_cache = 400
table_open_cache = 400
binlog_transaction_dependency_history_size = 1000
performance_schema_max_digest_length = 256
performance_schema_digests_size = 200
performance_schema_max_sql_text_length = 256
performance_schema_max_table_instances = 500
performance_schema_max_table_handles = 1000
performance_schema_events_statements_history_long_size = 100
performance_schema_events_waits_history_long_size = 100
performance_schema_events_stages_history_long_size = 100
performance_schema_events_transactions_history_long_size = 100
performance_schema_error_size = 0
performance_schema_max_memory_classes = 0
performance_schema_accounts_size = 10
performance_schema_hosts_size = 10
performance_schema_users_size = 10
performance_schema_events_statements_history_size = 1
";

pub(crate) struct Family {
    pub(crate) maria: bool,
}

impl Family {
    fn text(&self, installation: &Installation) -> String {
        let own = if self.maria { MARIADB } else { MYSQL };
        let prefix = installation.prefix();
        // The machine's own MariaDB knows where its files are; an unpacked one looks for them where it was built.
        if self.maria && prefix == Path::new("/usr") {
            return format!("{SETTINGS}{own}");
        }
        let share = ["share/mysql", "share/mysql-8.4", "share/mariadb", "share"]
            .map(|folder| prefix.join(folder))
            .into_iter()
            .find(|folder| folder.join("charsets").is_dir())
            .unwrap_or_else(|| prefix.join("share"));
        format!(
            "{SETTINGS}{own}basedir = {}\nlc_messages_dir = {}\nplugin_dir = {}\ncharacter_sets_dir = {}\n",
            prefix.display(),
            share.display(),
            prefix.join("lib/mysql/plugin").display(),
            share.join("charsets").display(),
        )
    }
}

fn configuration(node: &Node) -> std::path::PathBuf {
    node.dir.join("my.cnf")
}

#[async_trait]
impl Recipe for Family {
    fn template_key(&self, installation: &Installation, _: &[(String, String)]) -> String {
        let mut key = format!("{} {}", installation.version, self.text(installation));
        for (_, statement) in self.first_statements() {
            key.push_str(&statement);
        }
        key
    }

    fn initialise(&self, installation: &Installation, node: &Node) -> io::Result<Command> {
        if self.maria {
            // A script: beside the server in an unpacked folder, in bin where a package put it.
            let script = ["../bin/mariadb-install-db", "../scripts/mariadb-install-db"]
                .map(|name| installation.bin.join(name))
                .into_iter()
                .find(|path| path.is_file())
                .unwrap_or_else(|| "mariadb-install-db".into());
            let mut command = Command::new(script);
            command
                .arg("--no-defaults")
                .arg(format!("--datadir={}", node.data().display()))
                .arg(format!("--basedir={}", installation.prefix().display()))
                .args(["--auth-root-authentication-method=normal", "--skip-test-db"])
                .args(["--skip-name-resolve", "--innodb_log_file_size=8M"]);
            return Ok(command);
        }
        let mut command = self.serve(installation, node);
        command.arg("--initialize-insecure");
        Ok(command)
    }

    fn configure(&self, installation: &Installation, node: &Node, _: bool) -> io::Result<()> {
        let mut text = format!("[mysqld]\n{}", self.text(installation));
        let _ = writeln!(text, "datadir = {}", node.data().display());
        let _ = writeln!(text, "socket = {}", node.socket().display());
        let _ = writeln!(text, "pid-file = {}", node.dir.join("pid").display());
        let _ = writeln!(text, "tmpdir = {}", node.dir.display());
        let _ = writeln!(text, "port = {}", node.port.number);
        let _ = writeln!(text, "server-id = {}", node.port.number);
        for (name, value) in &node.settings {
            let _ = writeln!(text, "{name} = {value}");
        }
        std::fs::write(configuration(node), text)?;
        crate::account::hand_over(&configuration(node))
    }

    fn serve(&self, installation: &Installation, node: &Node) -> Command {
        let program = if self.maria { "mariadbd" } else { "mysqld" };
        let mut command = installation.command(&installation.bin.join(program));
        command.arg(format!("--defaults-file={}", configuration(node).display()));
        command
    }

    fn home(&self) -> &'static str {
        "mysql"
    }

    fn first_statements(&self) -> Vec<(&'static str, String)> {
        let mut statements = vec![
            // MariaDB's initialisation may have made one already.
            "CREATE USER IF NOT EXISTS root@'127.0.0.1'".into(),
            format!("ALTER USER root@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'"),
            "GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION".into(),
            format!("CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}'"),
            format!("GRANT PROCESS, REPLICATION CLIENT ON *.* TO {USER}@'%'"),
            // An account that may do nothing but what is granted later.
            format!("CREATE USER {USER}_plain@'%' IDENTIFIED BY '{PASSWORD}'"),
        ];
        if self.maria {
            statements.push(format!(
                "GRANT SLAVE MONITOR, REPLICATION MASTER ADMIN ON *.* TO {USER}@'%'"
            ));
            statements.push("RESET MASTER".into());
        } else {
            statements.push(format!(
                "GRANT SELECT ON performance_schema.* TO {USER}@'%'"
            ));
            statements.push(format!("GRANT REPLICATION SLAVE ON *.* TO {USER}@'%'"));
            statements.push("RESET BINARY LOGS AND GTIDS".into());
        }
        statements
            .into_iter()
            .map(|statement| ("mysql", statement))
            .collect()
    }

    fn belongs_in_template(&self, path: &Path) -> bool {
        // A copy needs an identity and a binary log of its own.
        path.file_name()
            .and_then(|name| name.to_str())
            .is_none_or(|name| {
                !name.starts_with("bin.")
                    && name != "auto.cnf"
                    && !name.starts_with("ib_buffer_pool")
            })
    }

    fn stop_signal(&self) -> Signal {
        Signal::TERM
    }

    fn end_signal(&self) -> (&'static str, Signal) {
        ("KILL", Signal::KILL)
    }

    fn scheme(&self) -> &'static str {
        if self.maria { "mariadb" } else { "mysql" }
    }

    fn create_database(&self, _: &Installation, name: &str) -> Vec<String> {
        // The grant also covers databases whose name goes on after this one's.
        let pattern = name.replace('_', "\\_");
        vec![
            format!("CREATE DATABASE `{name}`"),
            format!("GRANT ALL PRIVILEGES ON `{pattern}%`.* TO {USER}@'%'"),
        ]
    }

    fn identify(&self, _: &Node, _: Option<&Node>) -> io::Result<()> {
        // Made by the server itself when it starts without `auto.cnf`.
        Ok(())
    }

    fn prepare_replica(&self, _: &Node, _: u16, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn replicate_statements(&self, node: &Node, port: u16) -> Vec<String> {
        if self.maria {
            return vec![
                format!(
                    "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root', \
                     MASTER_PASSWORD='{PASSWORD}', MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos"
                ),
                "START SLAVE".into(),
                "SET GLOBAL read_only = ON".into(),
            ];
        }
        // Without GTIDs it begins at the beginning of the first log.
        let position = u8::from(has_gtids(node));
        // By itself MySQL 9 gives up after ten tries, each a second after the other, and would not come back.
        vec![
            format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='root', \
                 SOURCE_PASSWORD='{PASSWORD}', SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=86400, SOURCE_AUTO_POSITION={position}, GET_SOURCE_PUBLIC_KEY=1"
            ),
            "START REPLICA".into(),
            "SET GLOBAL super_read_only = ON".into(),
        ]
    }

    fn reroute_statements(&self, port: u16, _: &str) -> Vec<String> {
        let statements = if self.maria {
            [
                "STOP SLAVE".to_owned(),
                format!("CHANGE MASTER TO MASTER_PORT={port}, MASTER_USE_GTID=slave_pos"),
                "START SLAVE".to_owned(),
            ]
        } else {
            [
                "STOP REPLICA".to_owned(),
                format!("CHANGE REPLICATION SOURCE TO SOURCE_PORT={port}"),
                "START REPLICA".to_owned(),
            ]
        };
        statements.into()
    }

    async fn is_streaming(&self, replica: &Node) -> Result<bool, SqlError> {
        let (question, receives, applies) = if self.maria {
            ("SHOW SLAVE STATUS", "Slave_IO_Running", "Slave_SQL_Running")
        } else {
            (
                "SHOW REPLICA STATUS",
                "Replica_IO_Running",
                "Replica_SQL_Running",
            )
        };
        let rows = sql::rows(replica, "", question).await?;
        let yes = |name: &str| {
            rows.first().is_some_and(|row| {
                row.iter()
                    .any(|(column, value)| column == name && value.as_deref() == Some("Yes"))
            })
        };
        Ok(yes(receives) && yes(applies))
    }

    async fn has_caught_up(&self, replica: &Node, primary: &Node) -> Result<bool, SqlError> {
        if !self.maria && !has_gtids(primary) {
            return plays_the_log_of(replica, primary).await;
        }
        let position = if self.maria {
            "SELECT @@gtid_binlog_pos"
        } else {
            "SELECT @@gtid_executed"
        };
        let rows = sql::rows(primary, "", position).await?;
        let written = first(&rows).unwrap_or_default().replace('\n', "");
        let question = if self.maria {
            format!("SELECT MASTER_GTID_WAIT('{written}', 0)")
        } else {
            format!("SELECT IF(GTID_SUBSET('{written}', @@gtid_executed), 0, -1)")
        };
        Ok(first(&sql::rows(replica, "", &question).await?) == Some("0"))
    }

    fn cut_off_statements(&self) -> Vec<String> {
        let what = if self.maria {
            "STOP SLAVE IO_THREAD"
        } else {
            "STOP REPLICA IO_THREAD"
        };
        vec![what.into()]
    }

    async fn is_cut_off(&self, replica: &Node) -> Result<bool, SqlError> {
        Ok(!self.is_streaming(replica).await?)
    }

    async fn pause_replay(&self, replica: &Node) -> Result<(), SqlError> {
        let what = if self.maria {
            "STOP SLAVE SQL_THREAD"
        } else {
            "STOP REPLICA SQL_THREAD"
        };
        sql::rows(replica, "", what).await.map(drop)
    }

    async fn resume_replay(&self, replica: &Node) -> Result<(), SqlError> {
        let what = if self.maria {
            "START SLAVE SQL_THREAD"
        } else {
            "START REPLICA SQL_THREAD"
        };
        sql::rows(replica, "", what).await.map(drop)
    }

    fn delay_statements(&self, by: Duration) -> Vec<String> {
        let seconds = by.as_secs();
        let statements = if self.maria {
            [
                "STOP SLAVE".to_owned(),
                format!("CHANGE MASTER TO MASTER_DELAY={seconds}"),
                "START SLAVE".to_owned(),
            ]
        } else {
            [
                "STOP REPLICA SQL_THREAD".to_owned(),
                format!("CHANGE REPLICATION SOURCE TO SOURCE_DELAY={seconds}"),
                "START REPLICA SQL_THREAD".to_owned(),
            ]
        };
        statements.into()
    }

    fn promote_statements(&self) -> Vec<String> {
        let statements: &[&str] = if self.maria {
            &[
                "STOP SLAVE",
                "RESET SLAVE ALL",
                "SET GLOBAL read_only = OFF",
            ]
        } else {
            &[
                "STOP REPLICA",
                "RESET REPLICA ALL",
                "SET GLOBAL super_read_only = OFF",
                "SET GLOBAL read_only = OFF",
            ]
        };
        statements.iter().map(|&sql| sql.to_owned()).collect()
    }

    async fn is_writable(&self, node: &Node) -> Result<bool, SqlError> {
        let rows = sql::rows(node, "", "SELECT @@global.read_only").await?;
        Ok(first(&rows) == Some("0"))
    }
}

fn has_gtids(node: &Node) -> bool {
    let off = |(name, value): &(String, String)| name == "gtid_mode" && value == "OFF";
    !node.settings.iter().any(off)
}

/// Whether a replica has applied its primary's log to the end.
async fn plays_the_log_of(replica: &Node, primary: &Node) -> Result<bool, SqlError> {
    let written = sql::rows(primary, "", "SHOW BINARY LOG STATUS").await?;
    let column = |at: usize| written.first()?.get(at)?.1.clone();
    let (log, offset) = (column(0).unwrap_or_default(), column(1).unwrap_or_default());
    let question = format!("SELECT SOURCE_POS_WAIT('{log}', {offset}, 0.01) >= 0");
    Ok(first(&sql::rows(replica, "", &question).await?) == Some("1"))
}

fn first(rows: &[sql::Row]) -> Option<&str> {
    rows.first()?.first()?.1.as_deref()
}
