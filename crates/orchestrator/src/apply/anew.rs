//! What a run comes to that finished an unfinished rollout, and then planned anew what was pending beside it.

use super::{Counts, Finished, Summary, Verdict, tally::with_holds};
use crate::{Exit, planning::Rest};
use greylag_core::{
    fleet::ShardName,
    gate::WaitReason,
    migration::MigrationId,
    plan::{Held, Plan},
};

/// So many shards are named.
const NAMED: usize = 3;

/// What is left for a plan that this run doesn't carry out.
#[derive(Clone, Debug)]
pub struct Pending {
    /// None where no plan was made.
    digest: Option<String>,
    migrations: Vec<MigrationId>,
    shards: Vec<ShardName>,
    held: Option<Vec<Held>>,
    exit: Exit,
}

impl Pending {
    /// A plan was made, and nobody agreed to it.
    pub fn of_plan(plan: &Plan) -> Self {
        Self {
            digest: Some(plan.digest.clone()),
            migrations: plan.migrations.iter().map(|m| m.id.clone()).collect(),
            shards: plan.shards().iter().map(|s| s.name.clone()).collect(),
            held: Some(plan.held.clone()),
            exit: match Exit::from_code(with_holds(Exit::Done.code(), plan)) {
                Exit::Done => Exit::Waiting,
                problems => problems,
            },
        }
    }

    /// The run was asked to end before it was planned.
    pub fn of_rest(rest: &Rest) -> Self {
        Self {
            digest: None,
            migrations: rest.migrations.clone(),
            shards: rest.shards.clone(),
            held: None,
            exit: Exit::Waiting,
        }
    }
}

/// The rollout is done, and more is pending that waits for a plan of its own.
pub fn left(first: Summary, pending: Pending) -> Summary {
    let named = pending.shards.iter().take(NAMED).cloned().collect();
    Summary {
        verdict: Verdict::Waiting,
        exit_code: pending.exit.code(),
        waiting: vec![WaitReason::NextPlan {
            digest: pending.digest,
            migrations: pending.migrations,
            shards: named,
            count: pending.shards.len() as u32,
        }],
        held: pending.held.unwrap_or_else(|| first.held.clone()),
        ..first
    }
}

/// What came up behind a rollout that is done, before the plan after it had a verdict of its own.
#[derive(Clone, Debug)]
pub struct Stopped {
    pub why: String,
    /// Of a run that had done nothing, and of one that has.
    pub exit: Exit,
    pub exit_after_work: Exit,
    /// Whether it leaves work whose outcome nobody knows.
    pub unknown: bool,
}

/// The rollout is done and `rest` was to be planned anew, which came to nothing: what was done stays told.
pub fn stopped(first: Summary, rest: &Rest, stopped: Stopped) -> Summary {
    let exit = match first.changed.is_empty() {
        true => stopped.exit,
        false => stopped.exit_after_work,
    };
    let first = Summary {
        stopped: Some(stopped.why),
        ..first
    };
    if rest.is_empty() && exit != Exit::Split {
        // Only what the plan had left behind was looked for: that stands as it was known.
        return first;
    }
    let left = left(first, Pending::of_rest(rest));
    Summary {
        verdict: match exit {
            Exit::Split if stopped.unknown => Verdict::Unknown,
            Exit::Split => Verdict::Split,
            Exit::Refused => Verdict::Refused,
            Exit::Error | Exit::Usage => Verdict::NothingChanged,
            Exit::Done | Exit::Waiting | Exit::Problems => Verdict::Waiting,
        },
        exit_code: exit.code(),
        ..left
    }
}

/// One run's `first` rollout, done, and what came of the plan after it.
pub fn together(first: Summary, then: Summary) -> Summary {
    let millis = first.millis + then.millis;
    if then.rollout.is_none() {
        // Nothing was left to do: it is the summary of the first, with what is true of the fleet now.
        let shards = Counts {
            up_to_date: then.shards.up_to_date.saturating_sub(first.shards.done),
            held: then.shards.held,
            unreached: then.shards.unreached,
            ..first.shards
        };
        return Summary {
            exit_code: then.exit_code,
            held: then.held,
            unreached: then.unreached,
            shards,
            millis,
            ..first
        };
    }
    let mut changed = first.changed.clone();
    changed.extend(then.changed.iter().cloned());
    let unchanged = matches!(then.verdict, Verdict::NothingChanged | Verdict::Refused);
    let has_changed = !first.changed.is_empty();
    // That no shard was changed is not so of the run as a whole.
    let (verdict, exit_code) = match then.verdict {
        _ if has_changed && unchanged => (Verdict::Split, Exit::Split.code()),
        verdict if has_changed && Exit::from_code(then.exit_code) == Exit::Error => {
            (verdict, Exit::Split.code())
        }
        verdict => (verdict, then.exit_code),
    };
    let mut finished = first.finished.clone();
    finished.extend(first.rollout.map(|rollout| Finished {
        rollout,
        digest: first.digest.unwrap_or_default(),
        changed: first.changed.len(),
        migrations_applied: first.migrations_applied,
    }));
    Summary {
        verdict,
        exit_code,
        finished,
        shards: Counts {
            changed: changed.len(),
            ..then.shards
        },
        migrations_applied: first.migrations_applied + then.migrations_applied,
        changed,
        millis,
        ..then
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn summary(rollout: &str, changed: &[&str], verdict: Verdict, exit: Exit) -> Summary {
        let changed: BTreeSet<ShardName> = changed.iter().map(|s| s.parse().unwrap()).collect();
        Summary {
            kind: "summary".into(),
            verdict,
            exit_code: exit.code(),
            finished: Vec::new(),
            rollout: Some(rollout.into()),
            digest: Some(String::new()),
            shards: Counts {
                changed: changed.len(),
                ..Counts::default()
            },
            migrations_applied: changed.len() as u64,
            failed: Default::default(),
            changed,
            having: Default::default(),
            unknown: Default::default(),
            unreached: Default::default(),
            held: Vec::new(),
            waiting: Vec::new(),
            stopped: None,
            millis: 0,
        }
    }

    #[test]
    fn a_second_rollout_that_was_aborted_untouched_is_not_all_that_the_run_did() {
        let first = |changed: &[&str]| summary("one", changed, Verdict::Done, Exit::Done);
        let aborted = || summary("two", &[], Verdict::Aborted, Exit::Error);
        let both = together(first(&["eu-1"]), aborted());
        assert_eq!(
            (both.verdict, both.exit_code, both.shards.changed),
            (Verdict::Aborted, Exit::Split.code(), 1)
        );
        let both = together(first(&[]), aborted());
        assert_eq!(both.exit_code, Exit::Error.code());
    }

    #[test]
    fn whatever_a_second_rollout_came_to_no_code_says_that_nothing_was_changed() {
        for (verdict, exit) in [
            (Verdict::NothingChanged, Exit::Error),
            (Verdict::Refused, Exit::Refused),
            (Verdict::Aborted, Exit::Error),
        ] {
            let first = summary("one", &["eu-1"], Verdict::Done, Exit::Done);
            let both = together(first, summary("two", &[], verdict, exit));
            assert_eq!(both.exit_code, Exit::Split.code(), "{verdict}");
        }
    }
}
