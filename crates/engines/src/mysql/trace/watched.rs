//! A statement under way: somebody reads the tables until it waits for them, and its metadata locks are looked at meanwhile.

use super::super::{
    link::{Answer, Link, Trouble},
    quote,
};
use greylag_core::engine::Engine;
use std::{
    collections::BTreeMap,
    pin::pin,
    time::{Duration, Instant},
};

/// How often is looked.
const EVERY: Duration = Duration::from_millis(1);

/// Whoever has not waited for so long works, and is not to be held up at its end.
const LONG: Duration = Duration::from_secs(5);

/// From the weakest that counts: what every query takes is left out.
const LOCKS: [&str; 5] = [
    "SHARED UPGRADABLE",
    "SHARED READ ONLY",
    "SHARED NO WRITE",
    "SHARED NO READ WRITE",
    "EXCLUSIVE",
];

const MYSQL: &str = "SELECT m.OBJECT_NAME, m.LOCK_TYPE FROM performance_schema.metadata_locks m \
    JOIN performance_schema.threads t ON t.THREAD_ID = m.OWNER_THREAD_ID \
    WHERE t.PROCESSLIST_ID = {pid} AND m.OBJECT_TYPE = 'TABLE' AND m.OBJECT_SCHEMA = DATABASE()";

const MARIADB: &str = "SELECT TABLE_NAME, LOCK_MODE FROM information_schema.METADATA_LOCK_INFO \
    WHERE THREAD_ID = {pid} AND TABLE_SCHEMA = DATABASE()";

const WAITS: &str = "SELECT COUNT(*) FROM information_schema.PROCESSLIST \
    WHERE ID = {pid} AND STATE LIKE 'Waiting for table%lock'";

/// The strongest lock by table, as far as any could be seen.
pub(super) type Locks = BTreeMap<String, &'static str>;

/// Those who look on and hold up.
pub(super) struct Onlookers {
    pub(super) watch: Link,
    pub(super) hold: Link,
    pub(super) engine: Engine,
    /// The server shows metadata locks.
    pub(super) shows: bool,
}

impl Onlookers {
    /// Whether metadata locks can be seen; MariaDB shows them through a plugin, which is loaded where it is there.
    pub(super) async fn prepare(&mut self) {
        if self.engine == Engine::Mariadb {
            let _ = self.watch.run("INSTALL SONAME 'metadata_lock_info'").await;
        }
        self.shows = self.watch.run(self.looking(0).as_str()).await.is_ok();
    }

    pub(super) async fn run(
        &mut self,
        work: &mut Link,
        sql: &str,
        tables: &[String],
    ) -> Result<(Result<Answer, Trouble>, Locks), Trouble> {
        let pid = work.id();
        let mut locks = Locks::new();
        self.read_tables(tables).await?;
        let mut held = true;
        let begun = Instant::now();
        let looking = self.looking(pid);
        let waits = WAITS.replace("{pid}", &pid.to_string());
        let answer = {
            let mut running = pin!(work.run(sql));
            loop {
                let pause = tokio::time::sleep(EVERY);
                tokio::select! {
                    biased;
                    answer = &mut running => break answer,
                    () = pause => {}
                }
                // Not given up half-way: this driver would have to begin anew.
                if self.shows {
                    add(&mut locks, self.watch.run(looking.as_str()).await?);
                }
                let waiting = self.watch.value(&waits).await?.as_deref() != Some("0");
                if held && (waiting || begun.elapsed() > LONG) {
                    if waiting {
                        // It waits for all to be gone who use the table.
                        self.add_asked(&mut locks, tables, sql);
                    }
                    self.release().await?;
                    held = false;
                }
            }
        };
        if held {
            self.release().await?;
        }
        Ok((answer, locks))
    }

    fn looking(&self, pid: u32) -> String {
        let sql = if self.engine == Engine::Mariadb {
            MARIADB
        } else {
            MYSQL
        };
        sql.replace("{pid}", &pid.to_string())
    }

    /// MariaDB shows locks that are had, not those that are asked for: what waits for a reader asks for all of the table.
    fn add_asked(&self, locks: &mut Locks, tables: &[String], sql: &str) {
        if self.engine != Engine::Mariadb {
            return;
        }
        let held: Vec<String> = locks.keys().cloned().collect();
        let asked = match &held[..] {
            [] => tables
                .iter()
                .filter(|table| names(sql, table))
                .cloned()
                .collect(),
            _ => held,
        };
        for table in asked {
            locks.insert(table, "EXCLUSIVE");
        }
    }

    /// As anybody reads them; they stay open until the transaction ends.
    async fn read_tables(&mut self, tables: &[String]) -> Result<(), Trouble> {
        self.hold.run("START TRANSACTION").await?;
        for table in tables {
            let sql = format!("SELECT 1 FROM {} LIMIT 1", quote::name(table));
            // One that can't be read is left alone.
            if let Err(lost @ Trouble::Lost(_)) = self.hold.run(sql.as_str()).await {
                return Err(lost);
            }
        }
        Ok(())
    }

    async fn release(&mut self) -> Result<(), Trouble> {
        self.hold.run("ROLLBACK").await.map(drop)
    }
}

/// Whether a statement names a table, as a word.
fn names(sql: &str, table: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    sql.split(|c| !word(c))
        .any(|part| part.eq_ignore_ascii_case(table))
}

fn add(locks: &mut Locks, answer: Answer) {
    for row in answer.rows {
        let [Some(table), Some(mode)] = &row[..] else {
            continue;
        };
        let plain = mode.trim_start_matches("MDL_").replace('_', " ");
        let Some(strength) = LOCKS.iter().position(|lock| *lock == plain) else {
            continue;
        };
        let known = locks.entry(table.clone()).or_insert(LOCKS[strength]);
        let before = LOCKS.iter().position(|lock| lock == known).unwrap_or(0);
        *known = LOCKS[strength.max(before)];
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_table_is_named_as_a_word() {
        assert!(super::names("ALTER TABLE `orders` ADD x INT", "orders"));
        assert!(!super::names("ALTER TABLE orders_old ADD x INT", "orders"));
    }
}
