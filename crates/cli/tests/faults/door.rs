//! A statement that runs for just as long as a test wants: it waits at a door of PostgreSQL's that somebody else holds shut.

use crate::{ground::Ground, run::eventually};
use tokio::task::JoinHandle;

/// A migration's statement that goes through the door and leaves a row in `effect`.
pub const THROUGH: &str = "-- greylag:lock-timeout 10m\nINSERT INTO effect SELECT 'through' FROM (SELECT pg_advisory_xact_lock(4711)) AS door;\n";

/// Those at the door: who holds it, or who waits.
const AT: &str = "FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND";

pub struct Door<'a> {
    ground: &'a Ground,
    shard: usize,
    holder: JoinHandle<()>,
}

impl<'a> Door<'a> {
    /// Shuts the door of a shard.
    pub async fn shut(ground: &'a Ground, shard: usize) -> Door<'a> {
        let hold = "SELECT pg_advisory_lock(4711); SELECT pg_sleep(3600)";
        let door = Door {
            ground,
            shard,
            holder: ground.somebody(shard, hold),
        };
        door.until("granted").await;
        door
    }

    /// Waits until the statement has come to the door.
    pub async fn until_it_waits(&self) {
        self.until("NOT granted").await;
    }

    pub async fn open(self) {
        let end = format!("SELECT pg_terminate_backend(pid) {AT} granted");
        self.ground.execute(self.shard, &end).await;
        self.holder.abort();
    }

    async fn until(&self, how: &str) {
        let sql = format!("SELECT count(*) {AT} {how}");
        eventually(how, async || {
            self.ground.count(self.shard, &sql).await == Some(1)
        })
        .await;
    }
}
