//! What was seen of each shard, and how it was judged.

use crate::{
    executor::HistoryFault,
    journal::{JournalError, KnownShard},
    primary::Move,
};
use greylag_core::{
    fleet::ShardName,
    history::Reading,
    identity::{Proof, Refusal},
    survey::{Server, Survey},
};
use std::{collections::BTreeMap, sync::Arc};

/// What one look at every shard saw. In the order of the fleet.
#[derive(Clone, Debug, Default)]
pub struct Surveyed {
    pub shards: Vec<Sighting>,
    /// Once seen and not forgotten, and not in the fleet any more: named, not ignored.
    pub missing: Vec<KnownShard>,
    /// Shards whose primary is another server than when it was proven last.
    pub moves: Vec<Move>,
    /// What is remembered of shards from before.
    pub known: BTreeMap<ShardName, KnownShard>,
}

/// One shard as it was seen and judged.
#[derive(Clone, Debug)]
pub struct Sighting {
    pub name: ShardName,
    pub seen: Result<Seen, Unseen>,
    /// Guards that refuse it; judged over the whole fleet.
    pub refusals: Vec<Refusal>,
}

#[derive(Clone, Debug)]
pub struct Seen {
    /// Its history rows are left out: `reading` has what they say.
    pub survey: Arc<Survey>,
    /// The history against the files on disk; shards that read alike share one.
    pub reading: Arc<Reading>,
    /// None where a guard refuses it.
    pub proof: Option<Proof>,
    /// Servers that were seen to follow the primary, where they were looked at.
    pub followers: Vec<Server>,
}

/// A shard could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unseen {
    /// The whole chain of causes, without secrets.
    pub why: String,
    /// What would help, as a sentence.
    pub hint: Option<String>,
}

/// The fleet can't be judged.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    #[error("the fleet is empty: discovery found no shard")]
    EmptyFleet,
    #[error("the journal can't say which shards are known")]
    Journal(#[from] JournalError),
    /// The same files go to every shard, so that one that can't be read stops the whole.
    #[error("the migrations can't be made ready for shard `{shard}`")]
    Files {
        shard: ShardName,
        #[source]
        source: HistoryFault,
    },
    #[error("interrupted while looking at the fleet")]
    Interrupted,
}

impl Surveyed {
    pub fn get(&self, name: &ShardName) -> Option<&Sighting> {
        self.shards.iter().find(|sighting| sighting.name == *name)
    }

    pub fn unreachable(&self) -> impl Iterator<Item = (&ShardName, &Unseen)> {
        self.shards
            .iter()
            .filter_map(|s| s.seen.as_ref().err().map(|why| (&s.name, why)))
    }

    /// How many shards are on which version; shards without any under `-`.
    pub fn versions(&self) -> BTreeMap<String, usize> {
        let mut versions = BTreeMap::new();
        for seen in self.shards.iter().filter_map(|s| s.seen.as_ref().ok()) {
            let version = match &seen.reading.current {
                Some(version) => version.to_string(),
                None => "-".to_owned(),
            };
            *versions.entry(version).or_insert(0) += 1;
        }
        versions
    }
}
