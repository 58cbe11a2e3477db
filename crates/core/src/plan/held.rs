//! What stays where it is, and why.

use crate::{
    fleet::ShardName,
    identity::Refusal,
    migration::{MigrationId, Phase, Version},
    node::NodeName,
    outcome::Place,
};
use serde::{Deserialize, Serialize};
use std::{fmt, hash, mem};

/// A migration, a shard, or a migration on some shards, that stays where it is, with all its reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Where; none means wherever the migration is pending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shards: Vec<ShardName>,
    /// What; none means all that is pending there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationId>,
    pub reasons: Vec<HoldReason>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "hold", rename_all = "snake_case")]
pub enum HoldReason {
    /// This version of Greylag can't run the phase yet.
    NotSupportedYet { phase: Phase },
    /// Behind a held one that it may not overtake: it is untagged, or of the same change.
    BehindHeld { held: MigrationId },
    /// It could overtake, but on Flyway's own table that needs `out-of-order`.
    OvertakesOnFlywayTable { held: MigrationId },
    /// A pending version below the highest applied one.
    OutOfOrder { highest: Version },
    /// Above the version that `--to` names.
    BeyondTarget { to: Version },
    /// An earlier failure on the shard is still in its history.
    FailedBefore { migration: MigrationId },
    /// Applied, but the file is gone.
    MissingOnDisk { migration: MigrationId },
    /// It could not be reached.
    Unreachable { why: String },
    /// A guard refuses it.
    Refused { refusal: Refusal },
    /// The lint's findings on it are errors, and nobody allowed them.
    Lint { rules: Vec<String> },
    /// Logical subscribers would stop at it, or nobody can tell what of it must run there.
    Subscriber {
        nodes: Vec<NodeName>,
        why: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<Place>,
        hint: String,
    },
    /// Left out by `--only`.
    OutOfScope,
}

impl Held {
    /// Whether somebody must mend something before it goes. What nobody asked for now (`--to`, `--only`) needs nothing now.
    pub fn must_be_mended(&self) -> bool {
        !self.reasons.iter().any(HoldReason::is_unasked)
            && !self.reasons.iter().all(HoldReason::is_expected)
    }

    /// Whether it was left out by what a person asked for, and by nothing else.
    pub fn is_unasked(&self) -> bool {
        self.reasons.iter().all(HoldReason::is_unasked)
    }
}

impl HoldReason {
    /// Whether a person asked for it or it comes with the course of things: nobody needs to mend anything.
    pub fn is_expected(&self) -> bool {
        match self {
            HoldReason::NotSupportedYet { .. }
            | HoldReason::BehindHeld { .. }
            | HoldReason::OvertakesOnFlywayTable { .. }
            | HoldReason::BeyondTarget { .. }
            // A plan goes without such a shard only where a person said so.
            | HoldReason::Unreachable { .. }
            | HoldReason::OutOfScope => true,
            HoldReason::OutOfOrder { .. }
            | HoldReason::FailedBefore { .. }
            | HoldReason::MissingOnDisk { .. }
            | HoldReason::Lint { .. }
            | HoldReason::Subscriber { .. }
            | HoldReason::Refused { .. } => false,
        }
    }

    /// Beyond what a person asked for now.
    fn is_unasked(&self) -> bool {
        matches!(
            self,
            HoldReason::BeyondTarget { .. } | HoldReason::OutOfScope
        )
    }
}

impl hash::Hash for HoldReason {
    // A refusal's own words are left to `Eq`: reasons are looked up by what they are about.
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        mem::discriminant(self).hash(state);
        match self {
            HoldReason::BehindHeld { held: id }
            | HoldReason::OvertakesOnFlywayTable { held: id }
            | HoldReason::FailedBefore { migration: id }
            | HoldReason::MissingOnDisk { migration: id } => id.hash(state),
            HoldReason::OutOfOrder { highest: version }
            | HoldReason::BeyondTarget { to: version } => version.hash(state),
            HoldReason::Unreachable { why } | HoldReason::Subscriber { why, .. } => why.hash(state),
            HoldReason::Lint { rules } => rules.hash(state),
            HoldReason::NotSupportedYet { .. }
            | HoldReason::Refused { .. }
            | HoldReason::OutOfScope => {}
        }
    }
}

/// A whole sentence: what, and how to mend it.
impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HoldReason::NotSupportedYet { phase } => {
                write!(f, "phase `{}` is not supported yet", phase.as_str())
            }
            HoldReason::BehindHeld { held } => write!(
                f,
                "behind {held}, which is held; only a migration tagged with another change \
                 (`-- greylag:change NAME`) may overtake it"
            ),
            HoldReason::OvertakesOnFlywayTable { held } => write!(
                f,
                "would overtake {held}, which is held; on Flyway's own history table that needs \
                 `out-of-order = true` in [rollout]"
            ),
            HoldReason::OutOfOrder { highest } => write!(
                f,
                "below {highest}, which is applied; give it a higher version, or set \
                 `out-of-order = true` in [rollout]"
            ),
            HoldReason::BeyondTarget { to } => write!(f, "above {to}, which --to names"),
            HoldReason::FailedBefore { migration } => write!(
                f,
                "{migration} failed there before and its row says so; mend what it left, then \
                 `greylag repair {migration} --reason …`"
            ),
            HoldReason::MissingOnDisk { migration } => write!(
                f,
                "{migration} is applied there, but its file is gone; put it back, or \
                 `greylag repair {migration} --reason …` takes it back"
            ),
            HoldReason::Unreachable { why } => write!(f, "not reached: {why}"),
            HoldReason::Refused { refusal } => write!(f, "refused: {refusal}"),
            HoldReason::Lint { rules } => write!(
                f,
                "the lint finds errors in it ({}); mend the file, or allow each with \
                 `-- greylag:allow RULE because REASON`",
                rules.join(", ")
            ),
            HoldReason::Subscriber {
                nodes,
                why,
                place,
                hint,
            } => {
                let at = place.as_ref().map_or(String::new(), |place| {
                    format!(" ({}:{})", place.script, place.line)
                });
                write!(f, "on {}{at}: {why}. {hint}", subscribers(nodes))
            }
            HoldReason::OutOfScope => f.write_str("left out by --only"),
        }
    }
}

/// A few of them by name.
fn subscribers(nodes: &[NodeName]) -> String {
    match nodes {
        [one] => format!("subscriber {one}"),
        [first, rest @ ..] => format!("subscriber {first} and {} more", rest.len()),
        [] => "a subscriber".to_owned(),
    }
}
