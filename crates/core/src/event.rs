//! What happened: the closed set of events that a rollout's journal holds.
//!
//! Owned, serialised and versioned by their tags; every surface (terminal, JSON, page, metrics) is a fold of them.

use crate::{
    fleet::ShardName,
    gate::{Verdict, WaitReason},
    migration::MigrationId,
    node::NodeName,
    online::Way,
    outcome::Outcome,
    position::Position,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An event with its place in a rollout's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamped {
    /// Counts from 1 within the rollout, without holes.
    pub sequence: u64,
    pub at: Timestamp,
    /// The lease's epoch of the orchestrator that wrote it.
    pub epoch: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// Indexes of stages and waves are those of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A plan was taken up for the first time; the plan and the files' texts are stored beside the events.
    RolloutStarted {
        digest: String,
        by: String,
    },
    /// An orchestrator took the rollout up (again): whatever was in flight is unknown now.
    Restarted {
        by: String,
    },
    GateAnswered {
        stage: usize,
        wave: usize,
        verdict: Verdict,
    },
    /// Written, durably, before the shard is touched for this stage.
    ShardStarted {
        stage: usize,
        shard: ShardName,
    },
    /// One migration of the shard's work is there, with its history row.
    MigrationApplied {
        stage: usize,
        shard: ShardName,
        migration: MigrationId,
        millis: u64,
    },
    /// A shard waits and says why; empty when it waits no longer. Informs, changes no state.
    ShardWaiting {
        stage: usize,
        shard: ShardName,
        reasons: Vec<WaitReason>,
    },
    /// Statement progress of a migration under way. Informs, changes no state; not journalled.
    StatementDone {
        stage: usize,
        shard: ShardName,
        migration: MigrationId,
        done: u32,
        total: u32,
    },
    /// A statement changed a table in this way, after the server (or the policy) had refused lighter ones. Informs, changes no state.
    OnlineDdl {
        stage: usize,
        shard: ShardName,
        migration: MigrationId,
        /// From 1.
        statement: u32,
        way: Way,
        /// Each lighter way, and why it was not taken.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not: Vec<String>,
    },
    /// A line that a tool said which changes a table. Informs, changes no state.
    ToolSaid {
        stage: usize,
        shard: ShardName,
        migration: MigrationId,
        /// From 1.
        statement: u32,
        tool: String,
        line: String,
    },
    /// The shard's work is there, and its nodes have yet to replay it: up to this position of its primary, where one is known.
    ShardReplaying {
        stage: usize,
        shard: ShardName,
        position: Option<Position>,
    },
    /// These nodes have not replayed the shard's work within the time limit. Nothing new starts until they have.
    NotReplayed {
        stage: usize,
        shard: ShardName,
        nodes: Vec<NodeName>,
    },
    ShardEnded {
        stage: usize,
        shard: ShardName,
        #[serde(flatten)]
        outcome: Outcome,
    },
    /// The shard's primary is another server than it was: a node of the shard that was promoted, and is proven. Changes no state;
    /// what its history lacks is told by `MigrationsLost`.
    PrimaryMoved {
        shard: ShardName,
        from: String,
        to: String,
    },
    /// What this rollout had applied is not in the shard's history any more: a failover lost it. The shard runs it again.
    MigrationsLost {
        stage: usize,
        shard: ShardName,
        migrations: Vec<MigrationId>,
        /// Whose history was read.
        primary: String,
    },
    /// Nodes hold the rollout: nothing new starts; empty when they let it go on.
    Held {
        reasons: Vec<WaitReason>,
    },
    Approved {
        stage: usize,
        wave: usize,
        digest: String,
        by: String,
    },
    Paused {
        by: String,
        reason: Option<String>,
    },
    Resumed {
        by: String,
    },
    Aborted {
        by: String,
        reason: Option<String>,
    },
    /// A failed shard may be tried again.
    Retried {
        shard: ShardName,
        by: String,
    },
    /// Left out of this rollout, its history untouched.
    Skipped {
        shard: ShardName,
        by: String,
        reason: String,
    },
    /// A person said what the catalog could not.
    Settled {
        shard: ShardName,
        migration: MigrationId,
        applied: bool,
        by: String,
        reason: String,
        /// The subscriber that it is about; its shard had failed of it, and may be tried again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        node: Option<NodeName>,
    },
    /// Planned files changed that no shard has; a successor goes on.
    Superseded {
        by_rollout: String,
        why: String,
    },
    /// Nothing is left to do. `verdict` is one of `done`, `aborted`.
    Finished {
        verdict: String,
    },
}

impl Event {
    /// Whether the journal keeps it: the rest is for the eyes that watch now.
    pub fn is_durable(&self) -> bool {
        !matches!(
            self,
            Event::StatementDone { .. } | Event::ShardWaiting { .. }
        )
    }

    /// The tag, as it stands in `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Event::RolloutStarted { .. } => "rollout_started",
            Event::Restarted { .. } => "restarted",
            Event::GateAnswered { .. } => "gate_answered",
            Event::ShardStarted { .. } => "shard_started",
            Event::MigrationApplied { .. } => "migration_applied",
            Event::ShardWaiting { .. } => "shard_waiting",
            Event::StatementDone { .. } => "statement_done",
            Event::OnlineDdl { .. } => "online_ddl",
            Event::ToolSaid { .. } => "tool_said",
            Event::ShardReplaying { .. } => "shard_replaying",
            Event::NotReplayed { .. } => "not_replayed",
            Event::ShardEnded { .. } => "shard_ended",
            Event::PrimaryMoved { .. } => "primary_moved",
            Event::MigrationsLost { .. } => "migrations_lost",
            Event::Held { .. } => "held",
            Event::Approved { .. } => "approved",
            Event::Paused { .. } => "paused",
            Event::Resumed { .. } => "resumed",
            Event::Aborted { .. } => "aborted",
            Event::Retried { .. } => "retried",
            Event::Skipped { .. } => "skipped",
            Event::Settled { .. } => "settled",
            Event::Superseded { .. } => "superseded",
            Event::Finished { .. } => "finished",
        }
    }

    pub fn shard(&self) -> Option<&ShardName> {
        match self {
            Event::ShardStarted { shard, .. }
            | Event::MigrationApplied { shard, .. }
            | Event::ShardWaiting { shard, .. }
            | Event::StatementDone { shard, .. }
            | Event::OnlineDdl { shard, .. }
            | Event::ToolSaid { shard, .. }
            | Event::ShardReplaying { shard, .. }
            | Event::NotReplayed { shard, .. }
            | Event::ShardEnded { shard, .. }
            | Event::PrimaryMoved { shard, .. }
            | Event::MigrationsLost { shard, .. }
            | Event::Retried { shard, .. }
            | Event::Skipped { shard, .. }
            | Event::Settled { shard, .. } => Some(shard),
            _ => None,
        }
    }
}
