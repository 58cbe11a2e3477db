//! The floors: minimal programs on the same drivers, with no lock, no identity, no journal and no checks.
//!
//! One pass connects to each shard once. Two passes read every shard first, as a plan must, and then apply.

use crate::{
    engine,
    migrations::{self, File},
};
use clap::{Parser, ValueEnum};
use futures::{StreamExt, stream};
use std::{fs, path::PathBuf, time::Duration};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

#[derive(Parser)]
pub struct Args {
    #[arg(long)]
    kind: Kind,
    /// A file with a shard's URL (or path) on each line
    #[arg(long)]
    shards: PathBuf,
    #[arg(long, default_value_t = 8)]
    width: usize,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    OnePass,
    TwoPasses,
    /// Connect and one query
    Look,
    Sqlite,
    SqliteLook,
    /// Greylag's sessions alone
    SqliteSession,
    SqliteSurvey,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::OnePass => "one-pass",
            Kind::TwoPasses => "two-passes",
            Kind::Look => "look",
            Kind::Sqlite => "sqlite",
            Kind::SqliteLook => "sqlite-look",
            Kind::SqliteSession => "sqlite-session",
            Kind::SqliteSurvey => "sqlite-survey",
        }
    }
}

pub fn run(args: &Args) {
    let text = fs::read_to_string(&args.shards).expect("the list of shards");
    let shards: Vec<String> = text.lines().map(str::to_owned).collect();
    match args.kind {
        Kind::SqliteSession => engine::run(&shards, true),
        Kind::SqliteSurvey => engine::run(&shards, false),
        Kind::Sqlite | Kind::SqliteLook => sqlite(&shards, matches!(args.kind, Kind::Sqlite)),
        kind => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(postgres(&shards, kind, args.width)),
    }
}

async fn postgres(shards: &[String], kind: Kind, width: usize) {
    let files = &migrations::files(true);
    if matches!(kind, Kind::TwoPasses | Kind::Look) {
        stream::iter(shards)
            .for_each_concurrent(width, |url| async move {
                let client = connect(url).await;
                // A shard that has no history yet says so with an error, which is an answer.
                let _ = client.simple_query(READ).await;
            })
            .await;
    }
    if matches!(kind, Kind::TwoPasses | Kind::OnePass) {
        stream::iter(shards)
            .for_each_concurrent(width, |url| apply(url, files))
            .await;
    }
}

const READ: &str = "SELECT installed_rank, version, checksum, success FROM greylag_schema_history ORDER BY installed_rank";

async fn apply(url: &str, files: &[File]) {
    let client = connect(url).await;
    let rows = client
        .simple_query(&format!("{} {READ}", migrations::HISTORY_TABLE))
        .await
        .expect("the history");
    let done = rows
        .iter()
        .filter(|row| matches!(row, SimpleQueryMessage::Row(_)))
        .count();
    for file in &files[done..] {
        let message = format!("BEGIN; {} {} COMMIT;", file.sql, file.history_row());
        client.batch_execute(&message).await.expect("a migration");
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    client
}

fn sqlite(shards: &[String], apply: bool) {
    let files = &migrations::files(false);
    std::thread::scope(|scope| {
        for part in shards.chunks(shards.len().div_ceil(4).max(1)) {
            scope.spawn(move || part.iter().for_each(|path| sqlite_file(path, files, apply)));
        }
    });
}

fn sqlite_file(path: &str, files: &[File], apply: bool) {
    let connection = rusqlite::Connection::open(path).expect("an SQLite file");
    connection
        .busy_timeout(Duration::from_secs(5))
        .expect("a timeout");
    connection
        .execute_batch("PRAGMA synchronous = FULL;")
        .expect("a setting");
    if apply {
        connection
            .execute_batch(migrations::HISTORY_TABLE)
            .expect("the history table");
    }
    let done: u32 = connection
        .query_row("SELECT count(*) FROM greylag_schema_history", [], |row| {
            row.get(0)
        })
        .unwrap_or_default();
    for file in files.iter().skip(done as usize).filter(|_| apply) {
        let text = format!(
            "BEGIN IMMEDIATE; {} {} COMMIT;",
            file.sql,
            file.history_row()
        );
        connection.execute_batch(&text).expect("a migration");
    }
}
