//! Before a lock that is replayed on standbys: who reads there what it would cancel, or wait for.
//!
//! Waits for a moment in which all of them are quiet, within the deadline for locks, and says for whom. One that can't be asked is not
//! quiet. Without standbys, or where nothing is locked against readers, it asks nothing.

mod eye;

use self::eye::{Asked, Eye};
use super::{errand::Errand, errand::untouched, waits};
use futures::future::join_all;
use greylag_core::{
    gate::{StandbyEffect, WaitReason},
    node::NodeName,
    outcome::{Blocker, Failure, FailureClass, Left},
};
use greylag_engines::Job;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How often busy standbys are asked again.
const AGAIN: Duration = Duration::from_millis(500);

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How waiting for a quiet moment ended.
pub enum Quiet {
    Yes,
    /// The run was asked to end meanwhile.
    GaveUp,
    /// Somebody was in the way until the deadline, or nobody could say.
    No(Failure),
}

/// Why a standby is not quiet.
enum Noise {
    Queries {
        blockers: Vec<Blocker>,
        effect: StandbyEffect,
    },
    Unseen {
        why: String,
        mend: Option<String>,
        since: Timestamp,
    },
}

/// Waits until, asked all at once, no guarded standby has readers in the way of what the jobs lock. `left` is what stands of the first of
/// them already: of that nothing is locked any more.
pub async fn wait_for_quiet(errand: &Errand, jobs: &[Job], left: Left, until: Instant) -> Quiet {
    if errand.standbys.now().is_empty() {
        return Quiet::Yes;
    }
    let Some(asked) = Asked::of(jobs, left) else {
        return Quiet::Yes;
    };
    let deadline = waits::at(until);
    let mut eyes = Eyes::new();
    let mut told = false;
    let quiet = loop {
        eyes = turn_to(eyes, errand).await;
        let looks = join_all(eyes.values_mut().map(|eye| eye.look(&asked, PATIENCE))).await;
        let noises: Vec<_> = looks.into_iter().flatten().collect();
        if noises.is_empty() {
            break Quiet::Yes;
        }
        if errand.must_stop() {
            break Quiet::GaveUp;
        }
        if Instant::now() + AGAIN > until {
            let first = jobs.first().map(|job| job.migration.clone());
            break Quiet::No(Failure {
                migration: first.filter(|_| left.is_something()),
                left,
                ..failure(&noises)
            });
        }
        told = true;
        let noises = noises.into_iter();
        (errand.reports).waiting(
            noises
                .map(|(node, noise)| reason(node, noise, deadline))
                .collect(),
        );
        tokio::time::sleep(AGAIN).await;
        if errand.must_stop() {
            break Quiet::GaveUp;
        }
    };
    join_all(eyes.into_values().map(Eye::close)).await;
    if told && matches!(quiet, Quiet::Yes) {
        errand.reports.waiting(Vec::new());
    }
    quiet
}

type Eyes<'a> = BTreeMap<NodeName, Eye<'a>>;

/// An eye on each standby that is guarded now. Who was forgotten, or is left out by now, is not waited for.
async fn turn_to<'a>(mut eyes: Eyes<'a>, errand: &'a Errand) -> Eyes<'a> {
    let mut turned = Eyes::new();
    for standby in errand.standbys.now() {
        let eye = (eyes.remove(&standby.node)).filter(|eye| eye.is_on(&standby));
        let node = standby.node.clone();
        turned.insert(node, eye.unwrap_or_else(|| Eye::of(errand, standby)));
    }
    join_all(eyes.into_values().map(Eye::close)).await;
    turned
}

fn reason(node: NodeName, noise: Noise, deadline: Timestamp) -> WaitReason {
    match noise {
        Noise::Queries { blockers, effect } => WaitReason::StandbyQueries {
            node,
            blockers,
            effect,
            deadline,
        },
        Noise::Unseen { why, mend, since } => WaitReason::ReplicaUnseen {
            node,
            why: format!("who reads there before the migration's lock can't be asked: {why}"),
            mend,
            since: Some(since),
        },
    }
}

/// Queries first: they have a name that a person can do something about.
fn failure(noises: &[(NodeName, Noise)]) -> Failure {
    let of_queries = noises.iter().find_map(|(node, noise)| match noise {
        Noise::Queries { blockers, effect } => Some(in_the_way(node, blockers, *effect)),
        Noise::Unseen { .. } => None,
    });
    let of_unseen = || {
        noises.iter().find_map(|(node, noise)| match noise {
            Noise::Unseen { why, mend, .. } => Some(unseen(node, why, mend.as_deref())),
            Noise::Queries { .. } => None,
        })
    };
    of_queries
        .or_else(of_unseen)
        .unwrap_or_else(|| untouched(FailureClass::Lock, "standbys were not quiet".into(), None))
}

fn in_the_way(node: &NodeName, blockers: &[Blocker], effect: StandbyEffect) -> Failure {
    let what = match effect {
        StandbyEffect::Cancels { .. } => "would be cancelled by",
        StandbyEffect::Stalls => "would stall the replay of",
    };
    let first = blockers.first();
    let pid = first.map_or("somebody", |blocker| blocker.pid.as_str());
    Failure {
        blockers: blockers.to_vec(),
        ..untouched(
            FailureClass::Lock,
            format!(
                "queries on standby {node} (pid {pid} there) {what} the migration's lock, and did not end within the deadline"
            ),
            Some(
                "End them, wait until they have ended, or set the replica's `policy` to `observe`."
                    .into(),
            ),
        )
    }
}

fn unseen(node: &NodeName, why: &str, mend: Option<&str>) -> Failure {
    let mend = mend.unwrap_or("Bring it back");
    let mend = mend.trim_end_matches(['.', ';']);
    untouched(
        // Nothing is wrong with the primary: what did not come in time is the moment for a lock.
        FailureClass::Lock,
        format!(
            "who reads on standby {node} before the migration's lock could not be asked within the deadline: {why}"
        ),
        Some(format!(
            "{mend}; or set the replica's `policy` to `observe`."
        )),
    )
}
