//! A reader of a server's binary log that is no replica, as change data capture is one: a client program that follows it.

use std::process::{Child, Stdio};

use crate::engine::Engine;
use crate::error::SqlError;
use crate::node::PASSWORD;
use crate::server::Server;
use crate::tools::tool;

/// Reads on until it is dropped.
pub struct LogReader(Child);

impl Server {
    /// Begins to read the binary log as `user`, an account that is made for it. None where the program for it is not on this
    /// machine (see [`tool`]).
    ///
    /// # Panics
    /// Where the program can't be started, and on engines that have no binary log.
    pub async fn read_log(&self, user: &str) -> Result<Option<LogReader>, SqlError> {
        assert!(matches!(self.engine(), Engine::MySql | Engine::MariaDb));
        // MariaDB's own reads MySQL's log as well.
        let Some(program) = tool("mariadb-binlog") else {
            return Ok(None);
        };
        for sql in [
            format!("CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{PASSWORD}'"),
            format!("GRANT REPLICATION SLAVE ON *.* TO '{user}'@'%'"),
        ] {
            self.execute("", &sql).await?;
        }
        let logs = self.rows("", "SHOW BINARY LOGS").await?;
        let first = logs
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next()?.1);
        let mut command = std::process::Command::new(program);
        command
            .args(["--no-defaults", "--protocol=TCP", "--host=127.0.0.1"])
            .arg(format!("--port={}", self.port()))
            .arg(format!("--user={user}"))
            .arg(format!("--password={PASSWORD}"))
            .args(["--read-from-remote-server", "--stop-never", "--raw"])
            .arg(format!("--result-file={}/", self.folder().display()))
            .arg(first.unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = command.spawn();
        Ok(Some(LogReader(
            child.unwrap_or_else(|why| panic!("mariadb-binlog: {why}")),
        )))
    }
}

impl Drop for LogReader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
