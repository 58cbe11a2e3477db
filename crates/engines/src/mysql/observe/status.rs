//! What a replica says of its own replication: the row of SHOW REPLICA STATUS, or SHOW ALL SLAVES STATUS.

use crate::mysql::link::Answer;
use std::time::Duration;

/// The names of the columns, which the two servers spell differently.
#[derive(Debug)]
pub struct StatusColumns {
    pub channel: &'static str,
    pub host: &'static str,
    pub port: &'static str,
    pub user: &'static str,
    pub identity: &'static str,
    pub receives: &'static str,
    pub applies: &'static str,
    pub state: &'static str,
    /// Log and offset received up to.
    pub read: [&'static str; 2],
    /// Log and offset applied up to.
    pub executed: [&'static str; 2],
    /// GTIDs received.
    pub received: &'static str,
}

/// One source of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub channel: String,
    pub address: Option<String>,
    /// The account that it logs in with.
    pub user: Option<String>,
    pub identity: Option<String>,
    pub receiver: Receiver,
    pub receiver_error: Option<String>,
    pub applies: bool,
    pub applier_error: Option<String>,
    /// What the applier says it does.
    pub state: String,
    pub delay: Option<Duration>,
    pub read: Option<(String, u64)>,
    pub executed: Option<(String, u64)>,
    pub received: String,
    /// How often the source gives a sign of life where it has nothing to send.
    pub heartbeat: Option<Duration>,
    /// All that tells whether something new has come in.
    pub sign: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receiver {
    Running,
    Connecting,
    Stopped,
}

/// The source that counts: the unnamed one, else the first.
pub fn read(answer: &Answer, columns: &StatusColumns) -> Option<Status> {
    let all: Vec<Status> = (0..answer.rows.len())
        .map(|row| read_row(answer, row, columns))
        .collect();
    let unnamed = all.iter().find(|status| status.channel.is_empty());
    unnamed.or(all.first()).cloned()
}

fn read_row(answer: &Answer, row: usize, columns: &StatusColumns) -> Status {
    let text = |name| answer.named(row, name).unwrap_or_default();
    let known = |name| Some(text(name)).filter(|t| !t.is_empty() && *t != "0");
    let place = |[log, offset]: [&'static str; 2]| {
        let log = known(log)?;
        Some((log.to_owned(), text(offset).parse().ok()?))
    };
    let error = |number, message| {
        let number = known(number)?;
        Some(format!("error {number}: {}", text(message)))
    };
    let sign = [
        columns.read[0],
        columns.read[1],
        columns.received,
        "Slave_received_heartbeats",
    ];
    Status {
        channel: text(columns.channel).to_owned(),
        address: known(columns.host).map(|host| format!("{host}:{}", text(columns.port))),
        user: known(columns.user).map(str::to_owned),
        identity: known(columns.identity).map(str::to_owned),
        receiver: match text(columns.receives) {
            "Yes" => Receiver::Running,
            "No" => Receiver::Stopped,
            _ => Receiver::Connecting,
        },
        receiver_error: error("Last_IO_Errno", "Last_IO_Error"),
        applies: text(columns.applies) == "Yes",
        applier_error: error("Last_SQL_Errno", "Last_SQL_Error"),
        state: text(columns.state).to_owned(),
        delay: known("SQL_Delay")
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs),
        read: place(columns.read),
        executed: place(columns.executed),
        // MariaDB goes on showing the last of them where it no longer follows by them.
        received: match text("Using_Gtid") {
            "No" => String::new(),
            _ => text(columns.received).replace('\n', ""),
        },
        heartbeat: text("Slave_heartbeat_period")
            .parse()
            .ok()
            .filter(|seconds: &f64| *seconds > 0.0)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        sign: sign.map(text).join(" "),
    }
}
