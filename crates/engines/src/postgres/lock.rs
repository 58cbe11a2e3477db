//! The shard's lock: held by the working connection, tried and never waited for.

use greylag_core::{outcome::Blocker, survey::Survey};
use sha2::{Digest, Sha256};
use tokio_postgres::SimpleQueryRow;

use super::{link::Trouble, session::PgSession};
use crate::{error::EngineError, flyway, session::LockAttempt};

const DOING: &str = "taking the shard's lock";

impl PgSession {
    pub(super) async fn attempt_lock(&mut self) -> Result<LockAttempt, EngineError> {
        loop {
            let assumed = self.assumed_schema().to_owned();
            let key = key(&self.database, &assumed);
            let (taken, schema) = self.attempt_key(key).await?;
            if taken {
                self.keys = vec![key];
            }
            if let Err(refused) = self.settle_home(schema.as_deref()) {
                self.release().await?;
                return Err(refused);
            }
            if schema.as_deref() != Some(&assumed) {
                // The search path leads elsewhere than to `public`: the lock there is the one that counts.
                self.release().await?;
                continue;
            }
            return match taken {
                true => self.attempt_flyways(&assumed).await,
                false => self.busy(key).await,
            };
        }
    }

    /// The lock and a look under it in one message. The look has a transaction of its own: a snapshot from before the lock
    /// could miss what its last holder did.
    pub(super) async fn attempt_lock_and_look(
        &mut self,
    ) -> Result<(LockAttempt, Option<Survey>), EngineError> {
        if &*self.target.history_table == flyway::TABLE {
            return Ok((self.attempt_lock().await?, None));
        }
        let assumed = self.assumed_schema().to_owned();
        let key = key(&self.database, &assumed);
        let guess = self.guess();
        let message = format!(
            "BEGIN; {}; COMMIT; {}",
            self.attempt(key),
            self.first_look(guess, &assumed)
        );
        let answer = self.link.run(&message, 0).await;
        self.link.hush();
        let Some((_, row)) = answer.rows.iter().find(|(index, _)| *index == 1) else {
            return Err(self.broken(DOING, answer.trouble));
        };
        let (taken, schema) = self.taken(row)?;
        if !taken {
            return match schema.as_deref() == Some(&assumed) {
                true => Ok((self.busy(key).await?, None)),
                false => Ok((self.attempt_lock().await?, None)),
            };
        }
        self.keys = vec![key];
        if let Some(Trouble::Lost(_)) = answer.trouble {
            return Err(self.broken(DOING, answer.trouble));
        }
        if schema.as_deref() != Some(&assumed) {
            // The search path leads elsewhere than to `public`: the lock there is the one that counts.
            self.release().await?;
            return Ok((self.attempt_lock().await?, None));
        }
        // What is wrong with the look is for the look to say.
        let seen = self.read_look(guess, &assumed, answer.after(3)).await;
        Ok((LockAttempt::Held, seen.ok()))
    }

    async fn attempt_key(&self, key: i64) -> Result<(bool, Option<String>), EngineError> {
        let rows = self.query(DOING, &self.attempt(key)).await?;
        self.taken(&rows[0])
    }

    fn attempt(&self, key: i64) -> String {
        let pid = self.link.pid;
        let attempt = match pid {
            0 => format!("pg_try_advisory_lock({key})"),
            // Behind a pooler it would be taken by a connection that is not ours for long.
            pid => format!("CASE pg_backend_pid() WHEN {pid} THEN pg_try_advisory_lock({key}) END"),
        };
        format!("SELECT pg_backend_pid(), {attempt}, current_schema")
    }

    /// Whether it was had, and which schema is home.
    fn taken(&self, row: &SimpleQueryRow) -> Result<(bool, Option<String>), EngineError> {
        self.prove_pid(row.get(0).and_then(|pid| pid.parse().ok()).unwrap_or(-1))?;
        Ok((row.get(1) == Some("t"), row.get(2).map(str::to_owned)))
    }

    /// Flyway's own lock, where its table is shared.
    async fn attempt_flyways(&mut self, schema: &str) -> Result<LockAttempt, EngineError> {
        if &*self.target.history_table != flyway::TABLE {
            return Ok(LockAttempt::Held);
        }
        let theirs = flyway::postgres_lock(schema, flyway::TABLE);
        let (taken, _) = self.attempt_key(theirs).await?;
        if !taken {
            self.release().await?;
            return self.busy(theirs).await;
        }
        self.keys.push(theirs);
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
        self.making.clear();
        self.steps = None;
        self.next_rank = None;
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

/// The first eight bytes of SHA-256 over what the lock is of: the same for all projects and history tables.
fn key(database: &str, schema: &str) -> i64 {
    let digest = Sha256::digest(format!("greylag\0{database}\0{schema}").as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first)
}
