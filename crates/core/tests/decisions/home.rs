//! The way home: from wherever a story stands, a person's acts and successes lead to the end.

use crate::{fixture::*, oracle::Oracle};
use greylag_core::{
    event::Event,
    gate::{Verdict, WaitReason},
    outcome::Outcome,
    plan::Plan,
    rollout::{Command, Rollout},
};
use jiff::Timestamp;

/// Leads a rollout home and checks that it got there; the story is only for messages.
pub fn lead_home(
    plan: &Plan,
    mut rollout: Rollout,
    mut oracle: Oracle,
    mut now: Timestamp,
    epoch: u64,
    story: &[Event],
) {
    if oracle.has_ended() {
        return;
    }
    for _ in 0..2_000 {
        if rollout.has_ended() {
            break;
        }
        let commands = rollout.next(now);
        let event = match commands.first() {
            None => {
                let shard = rollout.running().next().cloned();
                let shard = shard.unwrap_or_else(|| panic!("stuck after {story:?}"));
                let (stage, _) = rollout.current().unwrap();
                match rollout.owed(&shard).first() {
                    Some(migration) => applied(stage, &shard, migration),
                    None => end(stage, &shard, Outcome::Applied),
                }
            }
            Some(Command::AskGate { stage, wave }) => gate(*stage, *wave, Verdict::Pass),
            Some(Command::Apply { stage, shard }) => start(*stage, shard),
            Some(Command::AwaitReplicas { stage, shard, .. }) => {
                end(*stage, shard, Outcome::Applied)
            }
            Some(Command::Survey { stage, shard }) => end(*stage, shard, Outcome::absent()),
            Some(Command::Finish { verdict }) => Event::Finished {
                verdict: verdict.as_str().to_owned(),
            },
            Some(Command::WaitUntil { reasons, .. })
                if matches!(reasons[0], WaitReason::NoReplicas { .. }) =>
            {
                held(false)
            }
            Some(Command::WaitUntil { at, .. }) => {
                now = *at;
                continue;
            }
            Some(Command::WaitForPerson { reasons }) => act(plan, &rollout, &reasons[0]),
        };
        rollout
            .record(&event, now, epoch)
            .unwrap_or_else(|error| panic!("{error}, after {story:?}"));
        oracle.take(plan, &event, now, &commands);
        oracle.check(plan, &rollout.next(now), now);
    }
    assert!(rollout.has_ended(), "no way home after {story:?}");
    if oracle.is_aborted() {
        return;
    }
    for (stage, shard) in (0..plan.stages.len())
        .flat_map(|stage| plan.shards().iter().map(move |shard| (stage, &shard.name)))
    {
        if !oracle.skipped().contains(shard) {
            assert_eq!(rollout.owed(shard), [], "{shard}, after {story:?}");
            assert_eq!(
                rollout.applied_in(stage, shard),
                plan.work(stage, shard),
                "{shard} was left behind after {story:?}"
            );
        }
    }
}

fn act(plan: &Plan, rollout: &Rollout, reason: &WaitReason) -> Event {
    match reason {
        WaitReason::Approval { .. } => {
            let (stage, wave) = rollout.current().unwrap();
            approve(plan, stage, wave.unwrap())
        }
        WaitReason::Failed { shards, .. } => retry(&shards[0]),
        WaitReason::Paused { .. } | WaitReason::Stopped { .. } => resume(),
        WaitReason::Unsettled { shards, .. } => {
            let shard = &shards[0];
            let (stage, _) = rollout.current().unwrap();
            let next = rollout.applied_so_far(shard).len();
            // All is there, and only the answer was lost: it is looked at again.
            match plan.work(stage, shard).get(next) {
                Some(migration) => settle(shard, migration, false),
                None => retry(shard),
            }
        }
        WaitReason::Aborted { .. } => unsettled_after_abort(rollout),
        other => panic!("no act for {other:?}"),
    }
}

fn unsettled_after_abort(rollout: &Rollout) -> Event {
    skip(
        rollout
            .doubts()
            .next()
            .expect("nothing else holds up an abort")
            .0,
    )
}
