//! Why no plan can be made.

use crate::{
    journal::{JournalError, KnownShard},
    steering::SteerError,
};
use greylag_core::{
    fleet::ShardName,
    identity::Refusal,
    plan::{HoldReason, PlanError},
};

/// No plan can be made of what was seen. Nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum PlanningError {
    #[error("{} can't be reached: {}", list(.0.iter().map(|(name, _)| name)), .0.first().map_or(String::new(), |(_, why)| why.replacen(" can't be reached", "", 1)))]
    Unreachable(Vec<(ShardName, String)>),
    /// Once seen, not forgotten, and named by nobody now.
    #[error("{}", missing(.0))]
    Missing(Vec<KnownShard>),
    #[error("{}", refusals(.0))]
    Refused(Vec<Refusal>),
    #[error("--claim {asked}, but {found} databases have tables and no identity: {}", list(.shards.iter()))]
    ClaimCount {
        asked: u32,
        found: usize,
        shards: Vec<ShardName>,
    },
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A planned file of an unfinished rollout changed or went, and some shard has it.
    #[error(transparent)]
    Changed(PlanError),
    #[error(
        "the placeholders, the session SQL or the history table changed since rollout {rollout} began"
    )]
    SettingsChanged { rollout: String },
    /// An unfinished rollout has shards that are named no more: whether their settings are what they were, nobody can tell.
    #[error("unfinished rollout {rollout} has {}, and neither the project nor its discovery names them any more", list(.shards.iter()))]
    PlannedGone {
        rollout: String,
        shards: Vec<ShardName>,
    },
    /// Work of an unfinished rollout whose outcome nobody knows can't be looked at.
    #[error("what became of {} in rollout {rollout} is not known, and can't be found out now", list(.shards.iter()))]
    Unsettled {
        rollout: String,
        shards: Vec<ShardName>,
        #[source]
        why: Box<PlanningError>,
    },
    /// An undo that subscribers can't take.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Subscribers(Vec<HoldReason>),
    /// An unfinished rollout leads elsewhere than what is asked for.
    #[error("rollout {rollout} is unfinished, and is taken up first: {asked}")]
    OtherWay { rollout: String, asked: String },
    #[error("the unfinished rollout can't be read")]
    Rollout(#[source] Box<SteerError>),
    #[error("the journal can't be read")]
    Journal(#[from] JournalError),
}

fn refusals(refusals: &[Refusal]) -> String {
    let lines: Vec<_> = refusals.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn missing(shards: &[KnownShard]) -> String {
    let nobody = "by neither the project nor its discovery";
    match shards {
        [one] => format!(
            "shard `{}` was seen on {}, and is named {nobody} now",
            one.name,
            one.seen.strftime("%F %T UTC")
        ),
        many => format!(
            "{} shards were seen before, and are named {nobody} now: {}",
            many.len(),
            list(many.iter().map(|known| &known.name))
        ),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a ShardName>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match names.len() {
        0..=5 => names.join(", "),
        n => format!("{} and {} more", names[..5].join(", "), n - 5),
    }
}
