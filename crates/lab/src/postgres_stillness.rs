//! A PostgreSQL primary that writes nothing to its log unless somebody asks it to. A standby that stands still is else behind sooner
//! or later, though nobody wrote: each fifteen seconds the background writer notes which transactions run, if anything was written
//! since. And whoever only reads a page that is nearly full clears it of rows that nobody sees any more, which is in the log, too.
//! (Autovacuum is off on all of the lab's servers, and a checkpoint by the clock is an hour away.)

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::error::SqlError;
use crate::launch::patience;
use crate::node::Node;
use crate::process::ProcessId;
use crate::sql;

const WRITER: &str = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'background writer'";

const DATABASES: &str = "SELECT datname FROM pg_database WHERE datallowconn";

/// Reads every page there is, but for tables that somebody has locked, so that no later reader has anything to clear.
const CLEARED: &str = "DO $$ DECLARE known regclass; BEGIN \
    PERFORM set_config('lock_timeout', '100ms', true), set_config('enable_indexonlyscan', 'off', true); \
    FOR known IN SELECT oid FROM pg_class \
        WHERE relkind IN ('r', 'm', 't') AND relpersistence = 'p' AND relispopulated \
    LOOP \
        BEGIN EXECUTE format('SELECT count(*) FROM %s', known); \
        EXCEPTION WHEN lock_not_available OR undefined_table THEN NULL; END; \
    END LOOP; END $$";

/// Committed, so that it is on disk when it returns, and all that was written before it.
const LAST: &str = "SELECT pg_logical_emit_message(true, 'greylag-lab', 'still')";

/// An idle answer takes a moment; one that doesn't come waits for what the stopped process holds.
const AN_ANSWER: Duration = Duration::from_secs(5);

/// Stops (SIGSTOP) the background writer of the server whose process is `server`; says up to where it has written. It goes on when
/// the server is thawed, stopped or ended.
pub(crate) async fn still(node: &Node, server: &ProcessId) -> Result<String, SqlError> {
    let deadline = Instant::now() + patience();
    let failed = |message: &str| SqlError {
        message: message.into(),
        statement: WRITER.into(),
    };
    let writer = loop {
        if let Some(writer) = writer(node, server).await? {
            break writer;
        }
        // After a crash of one of its sessions it is started anew.
        if Instant::now() > deadline {
            return Err(failed("the server has no background writer of its own"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    if !writer.is_stopped() {
        while !stop_at_rest(node, &writer).await {
            if Instant::now() > deadline {
                return Err(failed("the background writer never rests"));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Only once: another replica may stand still already, where this one is.
        for (_, database) in sql::rows(node, "postgres", DATABASES)
            .await?
            .into_iter()
            .flatten()
        {
            sql::rows(node, &database.unwrap_or_default(), CLEARED).await?;
        }
        sql::rows(node, "postgres", LAST).await?;
    }
    let position = sql::rows(node, "postgres", "SELECT pg_current_wal_lsn()").await?;
    let position = position.into_iter().flatten().next();
    position
        .and_then(|(_, position)| position)
        .ok_or_else(|| failed("the server says no position"))
}

/// The process, if it is a child of the server that we started.
async fn writer(node: &Node, server: &ProcessId) -> Result<Option<ProcessId>, SqlError> {
    let rows = sql::rows(node, "postgres", WRITER).await?;
    let number = rows.into_iter().flatten().next().and_then(|(_, pid)| pid);
    let mut children = server.children().into_iter();
    Ok(children.find(|child| Some(child.pid.to_string()) == number))
}

/// Stops it, unless that finds it at work: it may hold a lock then, and nobody would get it. `false`: it goes on.
async fn stop_at_rest(node: &Node, writer: &ProcessId) -> bool {
    writer.signal(Signal::STOP);
    let deadline = Instant::now() + AN_ANSWER;
    while !writer.is_stopped() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let question = format!(
        "SELECT wait_event_type = 'Activity' FROM pg_stat_activity WHERE pid = {}",
        writer.pid
    );
    let answer = tokio::time::timeout(AN_ANSWER, sql::rows(node, "postgres", &question)).await;
    let rests = matches!(answer, Ok(Ok(rows)) if rows.iter().flatten().any(|(_, rests)| rests.as_deref() == Some("t")));
    if !rests || !writer.is_stopped() {
        writer.signal(Signal::CONT);
        return false;
    }
    true
}
