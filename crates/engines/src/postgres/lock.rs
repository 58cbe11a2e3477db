//! The shard's lock: held by the working connection, tried and never waited for.

use greylag_core::outcome::Blocker;
use tokio_postgres::SimpleQueryRow;

use super::session::PgSession;
use crate::{error::EngineError, flyway, session::LockAttempt};

const DOING: &str = "taking the shard's lock";

/// The lock's key, worked out by the server: the first eight bytes of `identity::lock_key` of its own names.
const KEY: &str = "('x' || encode(substring(sha256(decode('677265796c616700', 'hex') \
     || convert_to(current_database()::text, 'UTF8') || decode('00', 'hex') \
     || convert_to(current_schema()::text, 'UTF8')) from 1 for 8), 'hex'))::bit(64)::bigint";

impl PgSession {
    pub(super) async fn attempt_lock(&mut self) -> Result<LockAttempt, EngineError> {
        let pid = self.link.pid;
        let sql = format!(
            "SELECT pg_backend_pid(), current_schema(), {KEY}, \
             CASE WHEN pg_backend_pid() = {pid} OR {pid} = 0 THEN pg_try_advisory_lock({KEY}) END"
        );
        let rows = self.query(DOING, &sql).await?;
        let row = &rows[0];
        self.prove_pid(number(row, 0))?;
        let schema = row.get(1).unwrap_or("").to_owned();
        let schema = schema.as_str();
        let key: i64 = row.get(2).and_then(|text| text.parse().ok()).unwrap_or(0);
        if row.get(1).is_none() {
            return Err(self.homeless());
        }
        if row.get(3) != Some("t") {
            return self.busy(key).await;
        }
        self.keys = vec![key];
        if let Err(refused) = self.settle_home(row.get(1)) {
            self.release().await?;
            return Err(refused);
        }
        if &*self.target.history_table == flyway::TABLE {
            let theirs = flyway::postgres_lock(schema, flyway::TABLE);
            let sql = format!("SELECT pg_try_advisory_lock({theirs})");
            let rows = self.query(DOING, &sql).await?;
            if rows[0].get(0) != Some("t") {
                self.release().await?;
                return self.busy(theirs).await;
            }
            self.keys.push(theirs);
        }
        Ok(LockAttempt::Held)
    }

    pub(super) async fn release(&mut self) -> Result<(), EngineError> {
        let unlocks: Vec<_> = self
            .keys
            .drain(..)
            .rev()
            .map(|key| format!("pg_advisory_unlock({key})"))
            .collect();
        if unlocks.is_empty() {
            return Ok(());
        }
        let sql = format!("SELECT {}", unlocks.join(", "));
        self.query("letting go of the shard's lock", &sql).await?;
        // What was seen under the lock is only true under it.
        self.steps = None;
        Ok(())
    }

    /// Who holds a lock, as far as this role may see.
    async fn busy(&self, key: i64) -> Result<LockAttempt, EngineError> {
        let (high, low) = ((key as u64 >> 32) as u32, key as u32);
        let sql = format!(
            "SELECT l.pid, a.usename, a.application_name, a.query, \
             (extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.query_start, a.backend_start)) * 1000)::bigint \
             FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
             AND l.classid = {high} AND l.objid = {low} \
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        );
        let rows = self.query(DOING, &sql).await?;
        let holder = rows.first().map_or_else(
            // It was let go between the try and the look.
            || Blocker {
                pid: String::new(),
                user: None,
                application: None,
                query: None,
                open_ms: None,
                holds: Some("the shard's lock, just let go".into()),
            },
            |row| blocker(row, "the shard's lock"),
        );
        Ok(LockAttempt::Busy { holder })
    }
}

/// Reads pid, user, application, query and milliseconds.
pub fn blocker(row: &SimpleQueryRow, holds: &str) -> Blocker {
    let text = |at: usize| row.get(at).filter(|t| !t.is_empty()).map(str::to_owned);
    Blocker {
        pid: text(0).unwrap_or_default(),
        user: text(1),
        application: text(2),
        query: text(3).map(|query| query.chars().take(300).collect()),
        open_ms: row.get(4).and_then(|ms| ms.parse().ok()),
        holds: Some(holds.to_owned()),
    }
}

fn number(row: &SimpleQueryRow, at: usize) -> i32 {
    row.get(at).and_then(|text| text.parse().ok()).unwrap_or(-1)
}
