//! A reader of a server's binary log that is no replica, as change data capture is one. It speaks the server's own protocol, as
//! little of it as that takes: MariaDB's program for it refuses MySQL of today.

use std::io;

use rand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::engine::Engine;
use crate::server::Server;

/// Reads on until it is dropped.
#[derive(Debug)]
pub struct LogReader(JoinHandle<io::Result<()>>);

/// How a reader makes itself known before it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Not at all.
    No,
    /// As a replica does, with a host and a port where nobody listens.
    At(u16),
}

const PROTOCOL_41: u32 = 0x200;
const SECURE_CONNECTION: u32 = 0x8000;
const PLUGIN_AUTH: u32 = 0x8_0000;

impl Server {
    /// Begins to read the binary log as `user`, an account without a password that is made for it.
    ///
    /// # Errors
    /// Where the server lets nobody read.
    ///
    /// # Panics
    /// On engines that have no binary log.
    pub async fn read_log(&self, user: &str, known: Known) -> io::Result<LogReader> {
        assert!(matches!(self.engine(), Engine::MySql | Engine::MariaDb));
        for sql in [
            format!("CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY ''"),
            format!("GRANT REPLICATION SLAVE ON *.* TO '{user}'@'%'"),
        ] {
            self.execute("", &sql).await.map_err(io::Error::other)?;
        }
        let logs = self.rows("", "SHOW BINARY LOGS").await;
        let logs = logs.map_err(io::Error::other)?;
        let first = logs
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().next()?.1);
        let mut line = Line::open(self.port(), user).await?;
        for name in ["source", "master"] {
            let sql = format!("SET @{name}_binlog_checksum = @@global.binlog_checksum");
            line.command(3, sql.as_bytes()).await?;
        }
        let number: u32 = rand::rng().random_range(1_000_000..2_000_000_000);
        if let Known::At(port) = known {
            let host = b"127.0.0.1";
            let mut body = number.to_le_bytes().to_vec();
            body.push(host.len() as u8);
            body.extend(host);
            // No account and no password, as a replica tells none either.
            body.extend([0, 0]);
            body.extend(port.to_le_bytes());
            body.extend([0; 8]);
            line.command(0x15, &body).await?;
        }
        // From the fourth byte of the first log on, waiting at the end of the last one.
        let mut body = vec![4, 0, 0, 0, 0, 0];
        body.extend(number.to_le_bytes());
        body.extend(first.unwrap_or_default().bytes());
        line.command(0x12, &body).await?;
        Ok(LogReader(tokio::spawn(async move {
            loop {
                line.packet().await?;
            }
        })))
    }
}

impl Drop for LogReader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Line {
    stream: TcpStream,
    /// Of the packet that comes next.
    number: u8,
}

impl Line {
    async fn open(port: u16, user: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let mut line = Self { stream, number: 0 };
        line.packet().await?;
        let mut hello = (PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH)
            .to_le_bytes()
            .to_vec();
        hello.extend(0x0100_0000_u32.to_le_bytes());
        hello.push(45);
        hello.extend([0; 23]);
        hello.extend(user.bytes());
        // An empty password, in whatever way the server asks for it.
        hello.extend([0, 0]);
        hello.extend(b"mysql_native_password\0");
        line.send(&hello).await?;
        while line.packet().await?.first() == Some(&0xfe) {
            line.send(&[]).await?;
        }
        Ok(line)
    }

    async fn command(&mut self, what: u8, body: &[u8]) -> io::Result<()> {
        self.number = 0;
        let packet: Vec<u8> = std::iter::once(what).chain(body.iter().copied()).collect();
        self.send(&packet).await?;
        self.packet().await.map(drop)
    }

    async fn send(&mut self, body: &[u8]) -> io::Result<()> {
        let mut packet = (body.len() as u32).to_le_bytes()[..3].to_vec();
        packet.push(self.number);
        packet.extend(body);
        self.number = self.number.wrapping_add(1);
        self.stream.write_all(&packet).await
    }

    /// The next packet; an error where the server says one.
    async fn packet(&mut self) -> io::Result<Vec<u8>> {
        let mut head = [0; 4];
        self.stream.read_exact(&mut head).await?;
        self.number = head[3].wrapping_add(1);
        let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
        let mut body = vec![0; length as usize];
        self.stream.read_exact(&mut body).await?;
        match body.first() {
            Some(0xff) => Err(io::Error::other(
                String::from_utf8_lossy(&body).into_owned(),
            )),
            _ => Ok(body),
        }
    }
}
