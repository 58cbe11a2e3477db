//! Keeps the lease, and says when it is lost.

use crate::journal::{Journal, JournalError, LEASE, Lease};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinHandle, time::Instant};

/// Renews the lease until it is dropped.
pub struct Heartbeat {
    lost: watch::Receiver<Option<String>>,
    task: JoinHandle<()>,
}

impl Heartbeat {
    pub fn start(journal: Arc<dyn Journal>, lease: Lease) -> Self {
        let (tell, lost) = watch::channel(None);
        let task = tokio::spawn(async move {
            let why = beat(&*journal, &lease).await;
            tell.send_replace(Some(why));
        });
        Self { lost, task }
    }

    /// Why the lease is lost, once it is.
    pub fn lost(&self) -> watch::Receiver<Option<String>> {
        self.lost.clone()
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Comes back when the lease is lost: taken by another, or not renewed for as long as it lasts.
async fn beat(journal: &dyn Journal, lease: &Lease) -> String {
    let lasts = LEASE.unsigned_abs();
    let mut until = Instant::now() + lasts;
    loop {
        tokio::time::sleep(lasts / 5).await;
        let asked = Instant::now();
        // It ends a moment before the lease does: others go by the store's clock. Where this process itself was held up, the
        // store is asked once more: it knows whether the lease is still ours.
        let end = (until - Duration::from_secs(1)).max(asked + Duration::from_secs(2));
        match tokio::time::timeout_at(end, journal.renew(lease)).await {
            Ok(Ok(())) => until = asked + lasts,
            Ok(Err(JournalError::Fenced { holder })) => return format!("{holder} has it"),
            Ok(Err(why)) if Instant::now() >= end => {
                return format!(
                    "it could not be renewed in time: {}",
                    crate::executor::chain(&why)
                );
            }
            Ok(Err(_)) => {}
            Err(_) => return "it could not be renewed in time: the store gives no answer".into(),
        }
    }
}
