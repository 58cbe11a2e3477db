//! What a run stands on: fleet, files, policy, journal, and the door to databases.

use crate::{
    executor::placeholders,
    fleet::{Fleet, FleetShard},
    gates::CheckRule,
    journal::Journal,
    primary::Seats,
    replicas::Replication,
};
use async_trait::async_trait;
use greylag_core::{
    migration::{Migration, MigrationError, MigrationId, Set},
    policy::Policy,
};
use greylag_engines::{
    Appraisal, AppraiseError, EngineError, Observer, OpenError, Session, Target,
};
use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    path::Path,
    sync::Arc,
};

/// Everything that a verb needs to know.
#[derive(Clone)]
pub struct Setup {
    pub fleet: Fleet,
    /// Where the project file lies: its tools are run there.
    pub folder: Arc<Path>,
    pub migrations: Migrations,
    pub policy: Policy,
    /// The project's own checks; `policy.checks` names those that gates ask.
    pub checks: Vec<CheckRule>,
    /// What the review of pending files goes by; none: files are not reviewed.
    pub lint: Option<Arc<greylag_lint::Settings>>,
    /// The nodes that the project names beside the primaries.
    pub replication: Replication,
    /// Where primaries were found, if not where the project says.
    pub seats: Seats,
    /// [`crate::journal::open`] where the verb may write, [`crate::journal::look`] where it must not.
    pub journal: Arc<dyn Journal>,
    /// [`Servers`] outside tests.
    pub open: Arc<dyn Open>,
    /// Who runs this, for events and history: `user@host`.
    pub by: String,
}

/// The project's migration files.
#[derive(Clone, Debug, Default)]
pub struct Migrations {
    pub files: Arc<Set>,
    /// `${name}` → value, the project's; Flyway's defaults are added per shard.
    pub placeholders: BTreeMap<String, String>,
}

impl Migrations {
    pub fn get(&self, id: &MigrationId) -> Option<&Migration> {
        self.files.get(id)
    }

    /// Placeholders that some shard has no value for: mistakes in files, told before any shard is asked.
    pub fn check(&self, shards: &[FleetShard]) -> Result<(), Vec<MigrationError>> {
        let mut seen = HashSet::new();
        for shard in shards {
            let values = placeholders(&self.placeholders, shard);
            // Which names there are decides, and most shards have the same ones.
            let names: Vec<String> = values.keys().cloned().collect();
            if seen.insert(names) {
                self.files.checksums(&values)?;
            }
        }
        Ok(())
    }
}

/// Opens sessions; tests put scripted ones in its place.
#[async_trait]
pub trait Open: Send + Sync {
    async fn open(&self, target: &Target) -> Result<Box<dyn Session>, OpenError>;

    /// A connection that only looks at a node; none where the engine has no replication to look at.
    async fn observe(&self, target: &Target) -> Result<Option<Box<dyn Observer>>, OpenError> {
        let _ = target;
        Ok(None)
    }

    /// What a node holds and how it is set.
    async fn appraise(&self, target: &Target) -> Result<Appraisal, AppraiseError> {
        Err(AppraiseError::Engine(EngineError::Unable {
            engine: target.engine.title(),
            what: "be appraised here",
        }))
    }
}

/// Real servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Servers;

#[async_trait]
impl Open for Servers {
    async fn open(&self, target: &Target) -> Result<Box<dyn Session>, OpenError> {
        greylag_engines::open(target).await
    }

    async fn observe(&self, target: &Target) -> Result<Option<Box<dyn Observer>>, OpenError> {
        greylag_engines::observe(target).await
    }

    async fn appraise(&self, target: &Target) -> Result<Appraisal, AppraiseError> {
        greylag_engines::appraise(target).await
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("project", &self.fleet.project)
            .field("shards", &self.fleet.shards.len())
            .field("migrations", &self.migrations.files.len())
            .finish_non_exhaustive()
    }
}
