//! One plan being carried out: a state machine without I/O.
//!
//! `record` folds what happened and refuses what `next` did not ask for; `next` says what to do about it.
//! Replaying a journal rebuilds a rollout without touching a database.

use crate::{fleet::ShardName, gate::WaitReason, migration::MigrationId};
use jiff::Timestamp;

/// What the orchestrator should do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask the gate before a wave of a stage, and record the answer.
    AskGate { stage: usize, wave: usize },
    /// Record `ShardStarted`, durably, then run the shard's work of the stage.
    Apply { stage: usize, shard: ShardName },
    /// Look, under the shard's lock, what became of an unknown outcome. Never a retry.
    Survey { stage: usize, shard: ShardName },
    /// Nothing to do before then (soak, retry): look again.
    WaitUntil {
        at: Timestamp,
        reasons: Vec<WaitReason>,
    },
    /// Nothing to do until a person acts: approve, resume, retry, settle.
    WaitForPerson { reasons: Vec<WaitReason> },
    /// Record `Finished`.
    Finish { verdict: Finish },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    Done,
    Aborted,
}

/// Where a shard stands in a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing of the stage is to be done here.
    NoWork,
    Pending,
    Running {
        since: Timestamp,
    },
    Unknown {
        needs_person: bool,
    },
    Applied,
    Failed,
    Skipped,
    /// So far in the shard's work, for eyes.
    Partly {
        applied: Vec<MigrationId>,
    },
}
