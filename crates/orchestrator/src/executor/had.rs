//! What a rollout has put on a shard, as one errand knows it: it was told, a failover may take it away, and it is run again.
//!
//! Follows what the errand tells, since its dispatcher knows no more than that.

use greylag_core::migration::MigrationId;
use std::sync::{Arc, Mutex, MutexGuard};

/// Shared by all that tell of the errand's work.
#[derive(Clone, Debug, Default)]
pub struct Had(Arc<Mutex<Vec<(MigrationId, bool)>>>);

impl Had {
    /// In the rollout's order, and whether it is there.
    pub fn new(had: Vec<(MigrationId, bool)>) -> Self {
        Self(Arc::new(Mutex::new(had)))
    }

    /// Whether it was put there, be it lost since.
    pub fn contains(&self, id: &MigrationId) -> bool {
        self.lock().iter().any(|(one, _)| one == id)
    }

    /// It is there now.
    pub fn gain(&self, id: &MigrationId) {
        let mut had = self.lock();
        match had.iter_mut().find(|(one, _)| one == id) {
            Some((_, there)) => *there = true,
            None => had.push((id.clone(), true)),
        }
    }

    /// Takes away what is not there any more; gives it back, once.
    pub fn lose(&self, lacks: impl Fn(&MigrationId) -> bool) -> Vec<MigrationId> {
        let mut lost = Vec::new();
        for (id, there) in self.lock().iter_mut() {
            if *there && lacks(id) {
                *there = false;
                lost.push(id.clone());
            }
        }
        lost
    }

    /// What was lost and is not there again, in order.
    pub fn owed(&self) -> Vec<MigrationId> {
        let had = self.lock();
        let owed = had.iter().filter(|(_, there)| !there);
        owed.map(|(id, _)| id.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(MigrationId, bool)>> {
        self.0.lock().expect("no panics inside")
    }
}
