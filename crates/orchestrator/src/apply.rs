//! Carries a plan out, or takes an unfinished rollout up.

use crate::{
    control::Control,
    planning::{Ask, PlanningError, Prospect},
    setup::Setup,
    survey::{SurveyError, Surveyed},
    watch::Watcher,
};
use greylag_core::{
    fleet::ShardName,
    gate::WaitReason,
    outcome::{Doubt, Failure},
    plan::Held,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How this run behaves, beside what is planned.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// End an orphan of ours that still holds a shard's lock, rather than waiting it out.
    pub take_over: bool,
    /// Whether somebody is there: approvals, windows and pauses are waited for rather than ending the run.
    pub attended: bool,
    /// How long lag, locks and soak (attended: anything) are waited for in all; none means without limit.
    pub wait: Option<Duration>,
    /// Approves, from the start, every wave that asks, if this is the plan's digest.
    pub approved_digest: Option<String>,
    /// Restricts this run of an unfinished rollout to these shards.
    pub only: Option<std::collections::BTreeSet<ShardName>>,
}

/// How a run ended. JSON: the last line of `apply --output ndjson`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Always `summary`.
    #[serde(rename = "type")]
    pub kind: String,
    pub verdict: Verdict,
    pub exit_code: u8,
    /// None where there was nothing to do.
    pub rollout: Option<String>,
    pub digest: Option<String>,
    pub shards: Counts,
    /// Migrations applied by this run, over all shards.
    pub migrations_applied: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failed: BTreeMap<ShardName, Failure>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unknown: BTreeMap<ShardName, Doubt>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unreached: BTreeMap<ShardName, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<WaitReason>,
    /// Why it stopped, as a sentence, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    pub millis: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything is there (or there was nothing to do).
    Done,
    /// Stopped: some shards changed, some did not.
    Split,
    /// Stopped, and what became of a shard is not known.
    Unknown,
    /// Stopped, and this run changed no shard.
    NothingChanged,
    /// For an approval, a gate, a window, a person.
    Waiting,
    Refused,
    Aborted,
}

/// Shards of the plan by where they stand now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Of the fleet.
    pub total: usize,
    /// Had nothing to do.
    pub up_to_date: usize,
    /// All of their work is there.
    pub done: usize,
    /// Shards that this run applied something on.
    pub changed: usize,
    pub pending: usize,
    pub failed: usize,
    pub unknown: usize,
    pub skipped: usize,
    pub held: usize,
    pub unreached: usize,
}

/// The run could not begin, or had to end without a verdict. `failure` maps it to exit code and hint.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error(transparent)]
    Survey(#[from] SurveyError),
    #[error(transparent)]
    Planning(#[from] PlanningError),
    /// Another orchestrator works on this fleet.
    #[error("another greylag works on this fleet: {holder}")]
    Busy { holder: String },
    /// The plan given is not (any more) what would be done.
    #[error("the plan's digest is no longer true: {why}")]
    Stale { why: String },
    #[error("the journal can't be written")]
    Journal(#[from] crate::journal::JournalError),
    /// The lease went to somebody else while we worked; nothing new was started after that.
    #[error("the lease on this fleet was lost: {why}")]
    LeaseLost { why: String },
    /// The journal does not fit the plan.
    #[error("the journal of rollout {rollout} does not fit its plan: {why}")]
    Damaged { rollout: String, why: String },
}

/// Carries out what [`crate::planning::look_ahead`] said, and returns when there is no more to do or it must wait.
///
/// Takes the lease and the anchor's lock; writes each event before it is shown.
pub async fn apply(
    setup: &Setup,
    surveyed: Surveyed,
    prospect: Prospect,
    ask: &Ask,
    options: &Options,
    control: Control,
    watcher: Arc<dyn Watcher>,
) -> Result<Summary, ApplyError> {
    let _ = (setup, surveyed, prospect, ask, options, control, watcher);
    todo!()
}

/// Whether a plan made earlier and saved is still what would be done now.
pub fn check_saved(
    saved: &greylag_core::plan::Plan,
    now: &greylag_core::plan::Plan,
) -> Result<(), ApplyError> {
    let _ = (saved, now);
    todo!()
}
