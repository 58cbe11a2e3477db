//! A plan's parts as data: stages, waves, who lacks what.

use super::{
    held::Held,
    index::{IndexCell, PlanIndex},
    subscribers::Subscribers,
};
use crate::{
    fleet::ShardName,
    migration::{Migration, MigrationId, Phase, ScriptConfig},
    policy::{Policy, Scope},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Immutable, with a digest. JSON: `greylag.plan/v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub schema: String,
    /// `sha256:` and the hexadecimal digest over canonical JSON.
    pub digest: String,
    pub project: String,
    pub environment: String,
    pub scope: Scope,
    /// The migrations that the stages run, in order of running.
    pub migrations: Vec<PlannedMigration>,
    /// The shards with work, wave by wave, in the order they are taken.
    pub shards: Vec<PlannedShard>,
    pub waves: Vec<Wave>,
    pub stages: Vec<Stage>,
    pub held: Vec<Held>,
    /// Findings of the lint, when there is one.
    #[serde(default)]
    pub findings: Vec<serde_json::Value>,
    /// What logical subscribers make of the migrations, where there are any. Not part of the digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribers: Vec<Subscribers>,
    pub policy: Policy,
    /// The failure budget in shards, worked out over the plan's shards.
    pub budget: u32,
    pub settings: String,
    #[serde(skip)]
    pub(super) index: IndexCell,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedMigration {
    pub id: MigrationId,
    pub description: String,
    pub script: String,
    pub phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    pub checksum: i32,
    pub sha256: String,
    #[serde(default)]
    pub config: ScriptConfig,
}

impl PlannedMigration {
    /// Whether the file is another than the plan was made with.
    pub fn differs(&self, file: &Migration) -> bool {
        self.sha256 != file.sha256 || self.config != file.config
    }
}

/// A shard with work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedShard {
    pub name: ShardName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<uuid::Uuid>,
    /// What it shares with others; not part of the digest.
    pub host: Arc<str>,
}

/// The shards that go together; assigned once, over the shards with work, the same for all stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    pub name: String,
    pub shards: Vec<ShardName>,
    /// Milliseconds.
    pub soak_ms: u64,
    pub approval: bool,
}

/// The migrations of one phase that go out together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    pub kind: StageKind,
    pub phase: Phase,
    /// The union over all shards, in order.
    pub migrations: Vec<MigrationId>,
    /// Who lacks what: shards that lack the same share an entry.
    pub work: Vec<Work>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// Empty new shards catch up to what every other shard has.
    Newcomers,
    Versioned,
    Repeatable,
    Undo,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    pub migrations: Vec<MigrationId>,
    pub shards: Vec<ShardName>,
}

impl Plan {
    /// The same plan under these settings, which are known only once its shards are; its digest covers them.
    #[must_use]
    pub fn with_settings(mut self, settings: String) -> Self {
        self.settings = settings;
        self.digest = super::digest::of(&self);
        self
    }

    /// The same plan, with more that stays where it is.
    #[must_use]
    pub fn with_held(mut self, held: impl IntoIterator<Item = Held>) -> Self {
        self.held.extend(held);
        self
    }

    /// The same plan, with what subscribers make of it.
    #[must_use]
    pub fn with_subscribers(mut self, subscribers: Vec<Subscribers>) -> Self {
        self.subscribers = subscribers;
        self
    }

    /// What the shard runs of a stage, in order; empty where nothing is to be done.
    pub fn work(&self, stage: usize, shard: &ShardName) -> &[MigrationId] {
        match self.index().number(shard) {
            Some(number) => self.work_of(stage, number),
            None => &[],
        }
    }

    /// The shards with work, wave by wave, in the order they are taken.
    pub fn shards(&self) -> &[PlannedShard] {
        &self.shards
    }

    /// The wave the shard goes in; none where it has no work.
    pub fn wave_of(&self, shard: &ShardName) -> Option<usize> {
        let index = self.index();
        index.number(shard).map(|number| index.wave(number))
    }

    pub fn migration(&self, id: &MigrationId) -> Option<&PlannedMigration> {
        self.index().migration(id).map(|at| &self.migrations[at])
    }

    /// Whether the digest is that of the plan's content: a plan from a file may have been edited.
    pub fn is_authentic(&self) -> bool {
        super::digest::of(self) == self.digest
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    pub(crate) fn work_of(&self, stage: usize, number: u32) -> &[MigrationId] {
        match self.index().group(stage, number) {
            Some(group) => &self.stages[stage].work[group].migrations,
            None => &[],
        }
    }

    /// Built at the first look-up: a plan read from a file has none yet.
    pub(crate) fn index(&self) -> &PlanIndex {
        self.index.get(self)
    }
}
