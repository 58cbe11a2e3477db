//! From what was seen to a plan, and what an unfinished rollout makes of it.

use crate::{journal::JournalError, setup::Setup, survey::Surveyed};
use greylag_core::{
    fleet::ShardName, identity::Refusal, migration::MigrationId, plan::Plan, policy::Scope,
};
use std::sync::Arc;

/// What a person asked of this run.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// `--to`, `--only`.
    pub scope: Scope,
    /// `--claim N`: so many databases with tables and no identity are expected, and claimed.
    pub claim: Option<u32>,
    /// `--skip-unreachable`: shards that can't be reached are left out, and reported as unreached.
    pub skip_unreachable: bool,
}

/// What `apply` would do.
#[derive(Clone, Debug)]
pub enum Prospect {
    /// A new rollout of this plan. A plan without stages means that there is nothing to do.
    Fresh { plan: Arc<Plan> },
    /// An unfinished rollout goes on with the plan it has.
    Continue { rollout: String, plan: Arc<Plan> },
    /// An unfinished rollout ends as superseded, and this plan is its successor.
    Supersede {
        rollout: String,
        why: String,
        plan: Arc<Plan>,
    },
}

impl Prospect {
    pub fn plan(&self) -> &Arc<Plan> {
        match self {
            Prospect::Fresh { plan }
            | Prospect::Continue { plan, .. }
            | Prospect::Supersede { plan, .. } => plan,
        }
    }
}

/// No plan can be made of what was seen. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum PlanningError {
    #[error("{} can't be reached", list(.0.iter().map(|(name, _)| name)))]
    Unreachable(Vec<(ShardName, String)>),
    #[error("{} refused", count(.0.len(), "shard is", "shards are"))]
    Refused(Vec<Refusal>),
    #[error("--claim {asked}, but {found} databases have tables and no identity: {}", list(.shards.iter()))]
    ClaimCount {
        asked: u32,
        found: usize,
        shards: Vec<ShardName>,
    },
    #[error("`{0}` is no shard of this fleet")]
    NoSuchShard(ShardName, Option<String>),
    /// A migration that some shard has applied was changed on disk.
    #[error("{migration} was changed on disk after {} had applied it", list(.shards.iter()))]
    ChangedOnDisk {
        migration: MigrationId,
        /// The checksum in the shards' histories, and the file's.
        applied: Option<i32>,
        file: i32,
        shards: Vec<ShardName>,
    },
    #[error("{0}")]
    Plan(String),
    #[error("the journal can't be read")]
    Journal(#[from] JournalError),
}

/// Decides what `apply` would do: takes up what is unfinished, or plans anew.
pub async fn look_ahead(
    setup: &Setup,
    surveyed: &Surveyed,
    ask: &Ask,
) -> Result<Prospect, PlanningError> {
    let _ = (setup, surveyed, ask);
    todo!()
}

/// The plan for what is pending, whatever rollout is unfinished (`greylag plan`).
pub fn make_plan(setup: &Setup, surveyed: &Surveyed, ask: &Ask) -> Result<Plan, PlanningError> {
    let _ = (setup, surveyed, ask);
    todo!()
}

fn list<'a>(names: impl Iterator<Item = &'a ShardName>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match names.len() {
        0..=5 => names.join(", "),
        n => format!("{} and {} more", names[..5].join(", "), n - 5),
    }
}

fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
