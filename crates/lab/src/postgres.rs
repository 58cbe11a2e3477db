//! How PostgreSQL is run.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rand::Rng;
use rustix::process::Signal;

use crate::error::SqlError;
use crate::installation::Installation;
use crate::node::{Node, PASSWORD, USER};
use crate::process::ProcessId;
use crate::recipe::Recipe;
use crate::{postgres_identity, postgres_stillness, sql};

/// For all servers. Durability is off, since a test's server loses its machine never and its data always.
/// Shared memory lies in the data directory, so that nothing is left behind by a killed server. What a server does by the clock
/// comes upon a test sooner on a slow machine.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
fsync = off
full_page_writes = off
wal_level = logical
shared_buffers = '16MB'
max_connections = 200
max_wal_size = '64MB'
min_wal_size = '4MB'
max_prepared_transactions = 10
dynamic_shared_memory_type = mmap
wal_retrieve_retry_interval = '200ms'
wal_receiver_status_interval = '1s'
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %a '
jit = off
autovacuum = off
checkpoint_timeout = '1h'
";

/// A clear password on the loopback: SCRAM costs a client built without optimisation tens of milliseconds a connection.
const ACCESS: &str = "
local all all trust
local replication all trust
host all all 127.0.0.1/32 password
host replication all 127.0.0.1/32 password
";

/// Settings that a standby must have at least as high as its primary had when the template ran.
const REMEMBERED: [&str; 6] = [
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
    "wal_level",
];

pub(crate) struct Postgres;

#[async_trait]
impl Recipe for Postgres {
    fn template_key(&self, installation: &Installation, settings: &[(String, String)]) -> String {
        let mut key = format!("{} {SETTINGS}{ACCESS}", installation.version);
        for (name, value) in settings {
            if REMEMBERED.contains(&name.as_str()) {
                let _ = writeln!(key, "{name} = {value}");
            }
        }
        for (_, statement) in self.first_statements() {
            key.push_str(&statement);
        }
        key
    }

    fn initialise(&self, installation: &Installation, node: &Node) -> io::Result<Command> {
        let mut command = installation.command(&installation.bin.join("initdb"));
        command
            .arg("--pgdata")
            .arg(node.data())
            .args(["--username=postgres", "--auth=trust", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C", "--wal-segsize=1"]);
        Ok(command)
    }

    fn configure(&self, _: &Installation, node: &Node, fresh: bool) -> io::Result<()> {
        let mut text = String::new();
        if fresh {
            text.push_str(SETTINGS);
            std::fs::write(node.data().join("pg_hba.conf"), ACCESS)?;
        }
        let _ = writeln!(text, "port = {}", node.port.number);
        let _ = writeln!(
            text,
            "unix_socket_directories = {}",
            quoted(&node.dir.to_string_lossy())
        );
        for (name, value) in &node.settings {
            if !fresh || REMEMBERED.contains(&name.as_str()) {
                let _ = writeln!(text, "{name} = {}", quoted(value));
            }
        }
        OpenOptions::new()
            .append(true)
            .open(node.data().join("postgresql.conf"))?
            .write_all(text.as_bytes())
    }

    fn serve(&self, installation: &Installation, node: &Node) -> Command {
        let mut command = installation.command(&installation.bin.join("postgres"));
        command.arg("-D").arg(node.data());
        command
    }

    fn home(&self) -> &'static str {
        "postgres"
    }

    fn first_statements(&self) -> Vec<(&'static str, String)> {
        let statements = [
            format!("ALTER ROLE postgres PASSWORD '{PASSWORD}'"),
            format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'"),
            format!("GRANT pg_monitor TO {USER}"),
            // An account that may do nothing but what its databases' owner grants.
            format!("CREATE ROLE {USER}_plain LOGIN PASSWORD '{PASSWORD}'"),
            // Before 15 the schema public of a new database belongs to the administrator.
            format!("ALTER SCHEMA public OWNER TO {USER}"),
        ];
        statements.map(|statement| ("template1", statement)).into()
    }

    fn belongs_in_template(&self, path: &Path) -> bool {
        path.file_name()
            .is_none_or(|name| name != "postmaster.pid" && name != "postmaster.opts")
    }

    fn stop_signal(&self) -> Signal {
        Signal::INT
    }

    fn end_signal(&self) -> (&'static str, Signal) {
        ("QUIT", Signal::QUIT)
    }

    fn scheme(&self) -> &'static str {
        "postgres"
    }

    fn create_database(&self, installation: &Installation, name: &str) -> Vec<String> {
        // Copying files beats logging every page when nothing is ever synced.
        let strategy = if installation.major() >= 15 {
            "STRATEGY FILE_COPY"
        } else {
            ""
        };
        vec![format!(
            "CREATE DATABASE \"{name}\" OWNER {USER} {strategy}"
        )]
    }

    fn identify(&self, node: &Node, primary: Option<&Node>) -> io::Result<()> {
        let identifier = match primary {
            Some(primary) => postgres_identity::read(&primary.data())?,
            None => rand::rng().random(),
        };
        postgres_identity::write(&node.data(), identifier)
    }

    fn prepare_replica(&self, node: &Node, port: u16, name: &str) -> io::Result<()> {
        std::fs::write(node.data().join("standby.signal"), "")?;
        crate::account::hand_over(&node.data().join("standby.signal"))?;
        let line = format!("primary_conninfo = '{}'\n", conninfo(port, name));
        OpenOptions::new()
            .append(true)
            .open(node.data().join("postgresql.conf"))?
            .write_all(line.as_bytes())
    }

    fn replicate_statements(&self, _: &Node, _: u16) -> Vec<String> {
        Vec::new()
    }

    fn reroute_statements(&self, port: u16, name: &str) -> Vec<String> {
        vec![
            format!(
                "ALTER SYSTEM SET primary_conninfo = '{}'",
                conninfo(port, name)
            ),
            "SELECT pg_reload_conf()".into(),
        ]
    }

    async fn is_streaming(&self, replica: &Node) -> Result<bool, SqlError> {
        let rows = sql::rows(
            replica,
            "postgres",
            "SELECT status FROM pg_stat_wal_receiver",
        )
        .await?;
        Ok(first(&rows) == Some("streaming"))
    }

    async fn has_caught_up(&self, replica: &Node, primary: &Node) -> Result<bool, SqlError> {
        let rows = sql::rows(primary, "postgres", "SELECT pg_current_wal_lsn()").await?;
        match first(&rows) {
            Some(position) => self.has_applied(replica, position).await,
            None => Ok(false),
        }
    }

    async fn still(&self, primary: &Node, server: &ProcessId) -> Result<Option<String>, SqlError> {
        postgres_stillness::still(primary, server).await.map(Some)
    }

    async fn has_applied(&self, replica: &Node, position: &str) -> Result<bool, SqlError> {
        let question = format!("SELECT pg_last_wal_replay_lsn() >= '{position}'");
        Ok(first(&sql::rows(replica, "postgres", &question).await?) == Some("t"))
    }

    fn cut_off_statements(&self) -> Vec<String> {
        vec![
            "ALTER SYSTEM SET primary_conninfo = ''".into(),
            "SELECT pg_reload_conf()".into(),
        ]
    }

    async fn is_cut_off(&self, replica: &Node) -> Result<bool, SqlError> {
        let receivers = "SELECT count(*) FROM pg_stat_wal_receiver";
        Ok(first(&sql::rows(replica, "postgres", receivers).await?) == Some("0"))
    }

    async fn pause_replay(&self, replica: &Node) -> Result<(), SqlError> {
        sql::rows(replica, "postgres", "SELECT pg_wal_replay_pause()").await?;
        // Only asked for so far: the replay process stops at its next look.
        let deadline = Instant::now() + Duration::from_secs(30);
        let state = "SELECT pg_get_wal_replay_pause_state()";
        while first(&sql::rows(replica, "postgres", state).await?) != Some("paused") {
            if Instant::now() > deadline {
                return Err(SqlError {
                    message: "the replica did not pause within 30 s".into(),
                    statement: state.into(),
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn resume_replay(&self, replica: &Node) -> Result<(), SqlError> {
        sql::rows(replica, "postgres", "SELECT pg_wal_replay_resume()")
            .await
            .map(drop)
    }

    fn delay_statements(&self, by: Duration) -> Vec<String> {
        vec![
            format!(
                "ALTER SYSTEM SET recovery_min_apply_delay = '{}ms'",
                by.as_millis()
            ),
            "SELECT pg_reload_conf()".into(),
        ]
    }

    fn promote_statements(&self) -> Vec<String> {
        vec!["SELECT pg_promote()".into()]
    }

    async fn is_writable(&self, node: &Node) -> Result<bool, SqlError> {
        let rows = sql::rows(node, "postgres", "SELECT pg_is_in_recovery()").await?;
        Ok(first(&rows) == Some("f"))
    }
}

/// How a replica of this name reaches the server that it follows.
fn conninfo(port: u16, name: &str) -> String {
    format!("host=127.0.0.1 port={port} user=postgres password={PASSWORD} application_name={name}")
}

fn first(rows: &[sql::Row]) -> Option<&str> {
    rows.first()?.first()?.1.as_deref()
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
