//! One stored secret per reference, so that a command's answer is shared by all shards that name it.

use super::secret::{SecretRef, StoredSecret};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The secrets of a project.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    stored: Arc<Mutex<HashMap<SecretRef, Arc<StoredSecret>>>>,
}

impl Secrets {
    pub fn get(&self, reference: &SecretRef) -> Arc<StoredSecret> {
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = stored
            .entry(reference.clone())
            .or_insert_with(|| Arc::new(reference.clone().stored()));
        Arc::clone(secret)
    }
}
