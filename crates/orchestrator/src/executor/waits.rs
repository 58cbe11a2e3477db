//! Who a statement waits for, looked up from a second session while it waits, and told.

use super::errand::{Errand, Limits};
use greylag_core::{gate::WaitReason, outcome::Blocker};
use jiff::Timestamp;
use std::{
    sync::Mutex,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// How long a statement runs before anybody asks what it waits for.
const PATIENCE: Duration = Duration::from_millis(700);

/// Second sessions come on top of those in flight: one at a time.
static SECOND: Semaphore = Semaphore::const_new(1);

/// Watches the session `pid` until it is dropped; tells of blockers as they change, and keeps those it saw last.
pub async fn watch(
    errand: &Errand,
    pid: &str,
    attempt: u32,
    deadline: Timestamp,
    seen: &Mutex<Vec<Blocker>>,
) -> ! {
    let mut last: Vec<String> = Vec::new();
    let mut pause = PATIENCE;
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
        let blockers = look_up(errand, pid).await;
        let pids: Vec<String> = blockers.iter().map(|b| b.pid.clone()).collect();
        if pids != last {
            last = pids;
            if !blockers.is_empty() {
                seen.lock().expect("no panics inside").clone_from(&blockers);
            }
            let reasons = if blockers.is_empty() {
                Vec::new()
            } else {
                vec![WaitReason::Lock {
                    blockers,
                    attempt,
                    deadline,
                }]
            };
            errand.reports.waiting(reasons);
        }
    }
}

/// Who stands in the way of `pid` now; nobody where that can't be told.
pub async fn look_up(errand: &Errand, pid: &str) -> Vec<Blocker> {
    let Ok(_one) = SECOND.acquire().await else {
        return Vec::new();
    };
    let Ok(mut second) = errand.open.open(&errand.shard.target).await else {
        return Vec::new();
    };
    let blockers = second.blockers(pid).await.unwrap_or_default();
    second.close().await;
    blockers
}

/// The deadline of lock retries from now on.
pub fn deadline(limits: &Limits) -> Timestamp {
    Timestamp::now() + limits.lock_deadline
}

/// When that is.
pub fn at(instant: Instant) -> Timestamp {
    Timestamp::now() + instant.saturating_duration_since(Instant::now())
}
