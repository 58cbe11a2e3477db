//! Every choice already made: stages, waves, and each held migration or shard with its reason.
//!
//! `plan` is a pure function of what was seen and what people chose. It touches nothing and knows no time.

use crate::{
    fleet::{Shard, ShardName},
    history::Reading,
    identity::Refusal,
    migration::{Migration, MigrationId, Phase, Version},
    policy::{Policy, Scope},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a plan is made of. Shards that read alike share one `Seen`, so that a hundred thousand of them fit.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    pub project: &'a str,
    pub environment: &'a str,
    pub shards: Vec<Candidate>,
    /// All files, in no particular order.
    pub migrations: &'a [Migration],
    pub policy: &'a Policy,
    pub scope: &'a Scope,
    /// SHA-256, in hexadecimal, of what else the digest covers: session SQL and resolved placeholders.
    pub settings: &'a str,
    /// Waves of a predecessor, kept by the rollout that supersedes it.
    pub waves: Option<Vec<Wave>>,
    /// Shards to take first within their wave (those that failed in the predecessor).
    pub first: Vec<ShardName>,
}

/// A shard, and what was seen of it.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub shard: Shard,
    /// Its identity's uuid, or what it will get when claimed.
    pub uuid: Option<uuid::Uuid>,
    pub seen: Seen,
}

#[derive(Clone, Debug)]
pub enum Seen {
    Read {
        /// What its history says against the files on disk.
        reading: Arc<Reading>,
        /// It is empty and appeared after the others: it gets its own lane.
        newcomer: bool,
    },
    /// It could not be reached, and the person chose to leave such shards out.
    Unreachable { why: String },
    /// A guard refuses it.
    Refused { refusal: Refusal },
}

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
    pub waves: Vec<Wave>,
    pub stages: Vec<Stage>,
    pub held: Vec<Held>,
    /// Findings of the lint, when there is one.
    #[serde(default)]
    pub findings: Vec<serde_json::Value>,
    pub policy: Policy,
    /// The failure budget in shards, worked out over the plan's shards.
    pub budget: u32,
    pub settings: String,
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

/// Something that stays where it is, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationId>,
    pub reasons: Vec<HoldReason>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "snake_case")]
pub enum HoldReason {
    /// This version of Greylag can't run the phase yet.
    NotSupportedYet {
        phase: Phase,
    },
    /// An untagged migration behind a held one; tag it with a change to let it pass.
    BehindHeld {
        held: MigrationId,
    },
    /// A pending version below the highest applied one.
    OutOfOrder {
        highest: Version,
    },
    /// An earlier failure on the shard is still in its history.
    FailedBefore {
        migration: MigrationId,
    },
    /// Applied under another checksum.
    ChangedOnDisk {
        migration: MigrationId,
        applied: Option<i32>,
        file: i32,
    },
    /// Applied, but the file is gone.
    MissingOnDisk {
        migration: MigrationId,
    },
    Unreachable {
        why: String,
    },
    Refused {
        refusal: Refusal,
    },
    /// Left out by `--only`.
    OutOfScope,
    /// A step of another run is open on the shard and must be settled first.
    Unsettled {
        migration: MigrationId,
    },
}
