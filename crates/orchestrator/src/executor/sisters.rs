//! Schema shards of one database: while a statement that can't run in a transaction runs in one of them, no transaction of ours is
//! open in the others. It would wait for theirs, and theirs may wait for it.
//!
//! Knows the shards of this run alone; what others have open, the statement waits for or is told of by the server.

use super::errand::Errand;
use greylag_core::{gate::WaitReason, script::Tx};
use greylag_engines::Job;
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

/// What the schema shards of one database share.
#[derive(Clone, Debug)]
pub struct Sisters {
    /// For people: where the database is.
    database: Arc<str>,
    turn: Arc<RwLock<()>>,
}

impl Sisters {
    pub fn of(database: &str) -> Self {
        Self {
            database: database.into(),
            turn: Arc::default(),
        }
    }
}

/// A turn among the sisters; it ends when this is dropped.
#[derive(Debug)]
pub enum Turn {
    /// The shard has no sisters in this run.
    Alone,
    Beside(#[expect(dead_code, reason = "held")] OwnedRwLockReadGuard<()>),
    Apart(#[expect(dead_code, reason = "held")] OwnedRwLockWriteGuard<()>),
}

/// How often a run that waits is asked whether it is to end.
const ASK: Duration = Duration::from_millis(100);

/// Waits for the jobs' turn; none where the run is asked to end meanwhile.
pub async fn turn(errand: &Errand, jobs: &[Job]) -> Option<Turn> {
    let Some(sisters) = &errand.sisters else {
        return Some(Turn::Alone);
    };
    let lock = sisters.turn.clone();
    let turn = async move {
        match jobs.iter().any(stands_alone) {
            true => Turn::Apart(lock.write_owned().await),
            false => Turn::Beside(lock.read_owned().await),
        }
    };
    tokio::pin!(turn);
    if let Ok(turn) = tokio::time::timeout(Duration::ZERO, &mut turn).await {
        return Some(turn);
    }
    errand.reports.waiting(vec![WaitReason::Sisters {
        database: sisters.database.to_string(),
    }]);
    loop {
        if let Ok(turn) = tokio::time::timeout(ASK, &mut turn).await {
            errand.reports.waiting(Vec::new());
            return Some(turn);
        }
        if errand.must_stop() {
            return None;
        }
    }
}

fn stands_alone(job: &Job) -> bool {
    let statements = &job.script.statements;
    statements.iter().any(|s| matches!(s.tx, Tx::Cannot(_)))
}
