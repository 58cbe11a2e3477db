//! Interrupts from the person at the terminal: the first drains, the second cancels on the servers.

use tokio::sync::watch;

/// A handle to hand to a run and to keep; clones share it.
#[derive(Clone, Debug)]
pub struct Control {
    level: watch::Sender<Level>,
}

/// How urgently the run is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Run,
    /// Nothing new starts; what is in flight finishes its current migration.
    Drain,
    /// What is in flight is cancelled on the servers.
    Cancel,
}

impl Control {
    pub fn new() -> Self {
        Self {
            level: watch::Sender::new(Level::Run),
        }
    }

    /// One step more urgent; says where that leads.
    pub fn interrupt(&self) -> Level {
        self.level.send_modify(|level| {
            *level = match level {
                Level::Run => Level::Drain,
                Level::Drain | Level::Cancel => Level::Cancel,
            }
        });
        self.level()
    }

    pub fn level(&self) -> Level {
        *self.level.borrow()
    }

    /// Wakes at each change.
    pub fn subscribe(&self) -> watch::Receiver<Level> {
        self.level.subscribe()
    }

    /// Waits until the run is asked to end.
    pub async fn interrupted(&self) {
        let mut level = self.subscribe();
        // The sender lives in `self`, so that waiting can't fail.
        let _ = level.wait_for(|level| *level != Level::Run).await;
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}
