//! Primaries that are elsewhere than the project says, as this process has found them.

use crate::{fleet::FleetShard, setup::Setup};
use greylag_core::fleet::ShardName;
use greylag_engines::Target;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

/// Shared by all that connect to primaries.
#[derive(Clone, Debug, Default)]
pub struct Seats(Arc<Mutex<BTreeMap<ShardName, Target>>>);

impl Seats {
    /// Where the shard's primary was found, if that is not where the project says.
    pub fn get(&self, shard: &ShardName) -> Option<Target> {
        self.lock().get(shard).cloned()
    }

    /// The primary is there from now on.
    pub fn set(&self, target: Target) {
        self.lock().insert(target.shard.clone(), target);
    }

    /// The shard as it is reached now.
    pub fn seated(&self, shard: &FleetShard) -> FleetShard {
        let mut seated = shard.clone();
        if let Some(target) = self.get(&shard.shard.name) {
            let application = seated.target.application.clone();
            seated.target = Target {
                application,
                ..target
            };
        }
        seated
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ShardName, Target>> {
        self.0.lock().expect("no panics inside")
    }
}

impl Setup {
    /// The shard of this name, as it is reached now.
    pub fn seated(&self, shard: &ShardName) -> Option<FleetShard> {
        self.fleet.get(shard).map(|shard| self.seats.seated(shard))
    }
}
