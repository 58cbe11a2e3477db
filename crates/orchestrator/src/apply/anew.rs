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
    let (verdict, exit_code) = match unchanged && !first.changed.is_empty() {
        // Of the run as a whole that is not so.
        true => (Verdict::Split, Exit::Split.code()),
        false => (then.verdict, then.exit_code),
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
