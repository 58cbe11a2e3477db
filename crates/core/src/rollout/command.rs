//! What a rollout says: what to do now, and where a shard stands.

use crate::{fleet::ShardName, gate::WaitReason, position::Position};
use jiff::Timestamp;
use serde::Serialize;

/// What the orchestrator should do now.
///
/// `Survey`, `AwaitReplicas`, `AskGate`, `WaitUntil` and `WaitForPerson` are said again until an event answers them: whoever
/// carries them out remembers which are under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ask the gate before a wave of a stage, and record the answer.
    AskGate { stage: usize, wave: usize },
    /// Record `ShardStarted`, durably, then run the shard's work of the stage.
    Apply { stage: usize, shard: ShardName },
    /// Look, under the shard's lock, what became of an unknown outcome. Never a retry.
    Survey { stage: usize, shard: ShardName },
    /// Record `ShardEnded`, applied, once the shard's nodes have replayed its work: reached the position, and show its history
    /// rows. Its work is there, and is never run again.
    AwaitReplicas {
        stage: usize,
        shard: ShardName,
        position: Option<Position>,
    },
    /// Nothing to do before then (soak, a gate that said wait): look again.
    WaitUntil {
        at: Timestamp,
        reasons: Vec<WaitReason>,
    },
    /// Nothing to do until a person acts: approve, resume, retry, skip, settle.
    WaitForPerson { reasons: Vec<WaitReason> },
    /// Record `Finished`.
    Finish { verdict: Finish },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    Done,
    Aborted,
}

impl Finish {
    /// As `Event::Finished` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Finish::Done => "done",
            Finish::Aborted => "aborted",
        }
    }
}

/// Where a shard stands in a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
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
    /// Applied on its primary; `overdue` once its nodes have taken longer than they may.
    Replaying {
        since: Timestamp,
        overdue: bool,
    },
    Applied,
    Failed,
    Skipped,
}
