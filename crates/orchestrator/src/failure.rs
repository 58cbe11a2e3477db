//! The one place that maps what went wrong to an exit code and a hint.

use crate::{
    apply::ApplyError, journal::JournalError, operations::IdentifyError, planning::PlanningError,
    steering::SteerError, survey::SurveyError,
};
use greylag_core::{identity::Refusal, outcome::FailureClass};

/// Exit codes of DESIGN §5.3. Precedence 3 > 6 > 5 > 2 > 1; 4 only if nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done,
    /// An error, and no shard was changed by this run.
    Error,
    Usage,
    Split,
    Waiting,
    Problems,
    Refused,
}

impl Exit {
    /// The meaning of a code; an unknown one is an error.
    pub fn from_code(code: u8) -> Exit {
        match code {
            0 => Exit::Done,
            2 => Exit::Usage,
            3 => Exit::Split,
            4 => Exit::Waiting,
            5 => Exit::Problems,
            6 => Exit::Refused,
            _ => Exit::Error,
        }
    }

    /// What it is where shards were changed before.
    pub fn after_work(self) -> Exit {
        match self {
            Exit::Error | Exit::Usage | Exit::Refused => Exit::Problems,
            Exit::Done | Exit::Split | Exit::Waiting | Exit::Problems => self,
        }
    }

    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::Split => 3,
            Exit::Waiting => 4,
            Exit::Problems => 5,
            Exit::Refused => 6,
        }
    }
}

/// An error as a person is told it: what, why, and how to mend it.
pub trait Explained: std::error::Error {
    fn exit(&self) -> Exit;
    /// Whole sentences, ready to print; the commands that help among them.
    fn hints(&self) -> Vec<String>;
    /// Whether there is work whose outcome nobody knows.
    fn leaves_unknown(&self) -> bool {
        false
    }
    /// The exit code where it comes up behind a rollout that is done and changed shards: what is left stays behind, and no code
    /// may say that nothing was touched.
    fn exit_after_work(&self) -> Exit {
        self.exit().after_work()
    }
}

impl Explained for JournalError {
    fn exit(&self) -> Exit {
        match self {
            JournalError::Newer { .. } | JournalError::Foreign { .. } => Exit::Usage,
            JournalError::Fenced { .. } | JournalError::Conflict { .. } => Exit::Refused,
            _ => Exit::Error,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            JournalError::Newer { .. } => {
                "Run the newer greylag, or name another store under `[state]` in greylag.toml."
            }
            JournalError::Foreign { .. } => {
                "Check `url` under `[state]` in greylag.toml: it must name a store of greylag's own."
            }
            JournalError::ReadOnly { .. } | JournalError::Folder { .. } => {
                "Let this user write there, or name another place under `[state]` in greylag.toml. `plan`, `status` and `--dry-run` only read."
            }
            JournalError::Full { .. } => {
                "Make room, then run `greylag apply` again: nothing was started that is not in the journal, and what was in flight is looked at first."
            }
            JournalError::Unreachable { .. } => {
                "Check `url` under `[state]` in greylag.toml, and whether its server is up. `greylag apply` takes an unfinished rollout up again."
            }
            JournalError::Fenced { .. } | JournalError::Conflict { .. } => {
                "`greylag status` shows who works; `greylag apply` goes on once they are through."
            }
            JournalError::Damaged { .. } => {
                "Was it written by another version? Keep the file; the shards' own histories are the truth about what they have."
            }
            JournalError::Store { .. } | JournalError::LookOnly => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

impl Explained for SurveyError {
    fn exit(&self) -> Exit {
        match self {
            SurveyError::EmptyFleet | SurveyError::Files { .. } => Exit::Usage,
            SurveyError::Journal(why) => why.exit(),
            SurveyError::Interrupted => Exit::Error,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SurveyError::EmptyFleet => {
                vec!["Add `[[shard]]` or `[[discover]]` to greylag.toml.".into()]
            }
            SurveyError::Files { .. } => vec![
                "A placeholder has its value in `[placeholders]` of greylag.toml, or in `placeholders` of the shard.".into(),
            ],
            SurveyError::Journal(why) => why.hints(),
            SurveyError::Interrupted => Vec::new(),
        }
    }

    fn exit_after_work(&self) -> Exit {
        match self {
            SurveyError::Interrupted => Exit::Waiting,
            other => other.exit().after_work(),
        }
    }
}

impl Explained for PlanningError {
    fn exit(&self) -> Exit {
        match self {
            PlanningError::Unreachable(_) | PlanningError::Missing(_) => Exit::Error,
            PlanningError::Unsettled { .. } => Exit::Split,
            PlanningError::Refused(_)
            | PlanningError::Subscribers(_)
            | PlanningError::ClaimCount { .. }
            | PlanningError::Changed(_)
            | PlanningError::OtherWay { .. }
            | PlanningError::PlannedGone { .. }
            | PlanningError::SettingsChanged { .. } => Exit::Refused,
            PlanningError::Plan(why) if why.is_refusal() => Exit::Refused,
            PlanningError::Plan(_) => Exit::Usage,
            PlanningError::Rollout(why) => why.exit(),
            PlanningError::Journal(why) => why.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            PlanningError::Unreachable(_) => vec![
                "Mend the connection; `greylag doctor` says more.".into(),
                "`--skip-unreachable` or `--only SHARD…` leaves them out on purpose; they are then reported as unreached.".into(),
            ],
            PlanningError::Missing(shards) => {
                let name = shards.first().map_or("NAME", |known| known.name.as_str());
                vec![
                    "If they should be there, mend the project file, or what its discovery asks.".into(),
                    format!("If they are gone for good, `greylag fleet forget {name} --reason …`, each by its name."),
                    "`--skip-unreachable` or `--only SHARD…` leaves them out on purpose; they are then reported as unreached.".into(),
                ]
            }
            PlanningError::Refused(refusals) => {
                let mut hints: Vec<String> = refusals.iter().map(Refusal::hint).collect();
                hints.dedup();
                hints.truncate(5);
                hints
            }
            PlanningError::ClaimCount { found, .. } => vec![format!(
                "If all of them are to be claimed, `--claim {found}`; otherwise correct their URLs."
            )],
            PlanningError::SettingsChanged { rollout } => vec![format!(
                "Put them back as they were, or `greylag rollout abort {rollout}` and apply anew."
            )],
            PlanningError::PlannedGone { rollout, .. } => vec![
                "Name them again in the project file, or mend what its discovery asks.".into(),
                format!("Or `greylag rollout abort {rollout}`, and apply anew without them: `greylag fleet forget NAME --reason …` if they are gone for good, else `--skip-unreachable`."),
            ],
            PlanningError::OtherWay { rollout, .. } => vec![
                "`greylag rollout show` says how it stands; `greylag apply` carries it on.".into(),
                format!("`greylag rollout abort {rollout}` ends it where it is; then ask again."),
            ],
            PlanningError::Unsettled { why, .. } => why.hints(),
            PlanningError::Rollout(why) => why.hints(),
            PlanningError::Journal(why) => why.hints(),
            PlanningError::Plan(_)
            | PlanningError::Changed(_)
            | PlanningError::Subscribers(_) => Vec::new(),
        }
    }

    fn leaves_unknown(&self) -> bool {
        matches!(self, PlanningError::Unsettled { .. })
    }
}

impl Explained for ApplyError {
    fn exit(&self) -> Exit {
        match self {
            ApplyError::Survey(why) => why.exit(),
            ApplyError::Planning(why) => why.exit(),
            ApplyError::Busy { .. }
            | ApplyError::Stale { .. }
            | ApplyError::Edited { .. }
            | ApplyError::LeaseLost { .. } => Exit::Refused,
            ApplyError::Anchor { failure, .. } | ApplyError::Claim { failure, .. } => {
                match failure.class {
                    FailureClass::Refused | FailureClass::Lock => Exit::Refused,
                    _ => Exit::Error,
                }
            }
            ApplyError::Journal(why) => why.exit(),
            ApplyError::Midway { .. } => Exit::Split,
            ApplyError::Scripts(_) | ApplyError::Damaged { .. } => Exit::Error,
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            ApplyError::Survey(why) => why.hints(),
            ApplyError::Planning(why) => why.hints(),
            ApplyError::Busy { .. } => vec![
                "Wait for it, or follow it with `greylag status --watch`; `greylag rollout pause` and `abort` reach it.".into(),
            ],
            ApplyError::Anchor { failure, .. } => failure.hint.iter().cloned().collect(),
            ApplyError::Claim {
                failure,
                left,
                expected,
                ..
            } => {
                let mut hints: Vec<String> = failure.hint.iter().cloned().collect();
                if left < expected {
                    hints.push(format!(
                        "{} of {expected} have an identity by now; go on with `greylag apply --claim {left}`.",
                        expected - left
                    ));
                }
                hints
            }
            ApplyError::Stale { .. } => {
                vec!["Make the plan again with `greylag plan`, and read what changed.".into()]
            }
            ApplyError::Edited { .. } => vec![
                "Take the file as it was saved, or make the plan again with `greylag plan -o FILE` and read it.".into(),
            ],
            ApplyError::Journal(why) => why.hints(),
            ApplyError::Midway { why, .. } => why.hints(),
            ApplyError::LeaseLost { .. } => vec![
                "Nothing new was started after that. `greylag status` shows who works now.".into(),
            ],
            ApplyError::Scripts(_) => {
                vec!["Put the file back, or `greylag rollout abort` and apply anew.".into()]
            }
            ApplyError::Damaged { .. } => vec![
                "Was the journal written by another version of greylag? The shards' own histories are the truth about what they have.".into(),
            ],
        }
    }

    fn leaves_unknown(&self) -> bool {
        match self {
            ApplyError::Planning(why) => why.leaves_unknown(),
            ApplyError::Midway { in_flight, .. } => *in_flight > 0,
            _ => false,
        }
    }

    fn exit_after_work(&self) -> Exit {
        match self {
            ApplyError::Survey(why) => why.exit_after_work(),
            // Another run goes on with it, or a look at what it is now does: nothing is to be mended.
            ApplyError::Busy { .. } | ApplyError::Stale { .. } | ApplyError::LeaseLost { .. } => {
                Exit::Waiting
            }
            other => other.exit().after_work(),
        }
    }
}

impl Explained for SteerError {
    fn exit(&self) -> Exit {
        match self {
            SteerError::NoRollout { .. }
            | SteerError::NoSuchRollout(_)
            | SteerError::Ambiguous { .. }
            | SteerError::NoSuchShard(_)
            | SteerError::NoSuchSubscriber(_) => Exit::Usage,
            SteerError::NotNow(_) => Exit::Refused,
            SteerError::Journal(why) => why.exit(),
            SteerError::Shard { failure, .. } if failure.class == FailureClass::Refused => {
                Exit::Refused
            }
            SteerError::Shard { .. } | SteerError::NotTaken { .. } | SteerError::Damaged { .. } => {
                Exit::Error
            }
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            SteerError::NoRollout { .. } => {
                vec!["`greylag rollout list` shows those that ended; `greylag apply` begins one.".into()]
            }
            SteerError::NoSuchRollout(_) | SteerError::Ambiguous { .. } => {
                vec!["`greylag rollout list` shows all.".into()]
            }
            SteerError::NotNow(_) => vec!["`greylag rollout show` says how it stands.".into()],
            SteerError::NoSuchShard(_) => vec!["`greylag fleet` lists the shards.".into()],
            SteerError::NoSuchSubscriber(_) => vec!["`greylag fleet` lists the nodes with their roles.".into()],
            SteerError::Shard { failure, .. } => failure.hint.iter().cloned().collect(),
            SteerError::Journal(why) => why.hints(),
            SteerError::NotTaken { .. } => vec![
                "It is folded as soon as that orchestrator comes to it; `greylag rollout show` says when.".into(),
            ],
            SteerError::Damaged { .. } => Vec::new(),
        }
    }
}

impl Explained for IdentifyError {
    fn exit(&self) -> Exit {
        match self {
            IdentifyError::NoSuchShard(_) => Exit::Usage,
            IdentifyError::Journal(why) => why.exit(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            IdentifyError::NoSuchShard(_) => vec!["`greylag fleet` lists the shards.".into()],
            IdentifyError::Journal(why) => why.hints(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_says_after_work_that_nothing_was_touched() {
        let busy = || ApplyError::Busy {
            holder: "ann".into(),
        };
        let interrupted = || ApplyError::Survey(SurveyError::Interrupted);
        let unreachable = || ApplyError::Planning(PlanningError::Unreachable(Vec::new()));
        let refused = || ApplyError::Planning(PlanningError::Refused(Vec::new()));
        let midway = || ApplyError::Midway {
            changed: 1,
            in_flight: 0,
            why: Box::new(busy()),
        };
        for (error, first, after) in [
            (busy(), Exit::Refused, Exit::Waiting),
            (interrupted(), Exit::Error, Exit::Waiting),
            (unreachable(), Exit::Error, Exit::Problems),
            (refused(), Exit::Refused, Exit::Problems),
            (midway(), Exit::Split, Exit::Split),
        ] {
            assert_eq!(
                (error.exit(), error.exit_after_work()),
                (first, after),
                "{error}"
            );
        }
    }
}
