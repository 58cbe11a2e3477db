//! Before a lock that is replayed on standbys: who reads there what it would cancel, or wait for.
//!
//! Waits for a quiet moment, within the deadline for locks, and says for whom. Without standbys, or where nothing is locked
//! against readers, it asks nothing.

use super::{errand::Errand, errand::untouched, explain::chain, waits};
use crate::replicas::NamedNode;
use greylag_core::{
    gate::{StandbyEffect, WaitReason},
    node::Delay,
    outcome::{Blocker, Failure, FailureClass},
};
use greylag_engines::{Job, Observer};
use std::time::{Duration, Instant};

/// A query this young may well be gone before the lock arrives.
const YOUNG: Duration = Duration::from_secs(1);

/// How often a busy standby is asked again.
const AGAIN: Duration = Duration::from_millis(500);

/// How waiting for a quiet moment ended.
pub enum Quiet {
    Yes,
    /// The run was asked to end meanwhile.
    GaveUp,
    /// Somebody was in the way until the deadline.
    No(Failure),
}

/// Waits until no guarded standby has readers in the way of what the jobs lock.
pub async fn wait_for_quiet(errand: &Errand, jobs: &[Job]) -> Quiet {
    if errand.standbys.is_empty() {
        return Quiet::Yes;
    }
    let locks: Vec<_> = jobs.iter().map(|job| job.script.exclusive()).collect();
    if locks.iter().all(|locks| locks.is_nothing()) {
        return Quiet::Yes;
    }
    let untold = locks.iter().any(|locks| locks.untold.is_some());
    let collect = |of: fn(&greylag_core::script::Exclusive) -> &Vec<String>| -> Vec<String> {
        match untold {
            // None named means all of them.
            true => Vec::new(),
            false => locks.iter().flat_map(|locks| of(locks).clone()).collect(),
        }
    };
    let tables = collect(|locks| &locks.tables);
    let unlinked = collect(|locks| &locks.unlinked);
    let until = Instant::now() + errand.limits.lock_deadline;
    let deadline = waits::deadline(&errand.limits);
    let mut told = false;
    for standby in errand.standbys.iter() {
        let mut eye = Eye::of(errand, standby);
        loop {
            let found = match eye.look(&tables, &unlinked).await {
                Ok(found) => found,
                Err(why) => {
                    // That it can't be looked at holds the rollout by itself; here it is only said.
                    errand.reports.warning(format!(
                        "who reads on standby {} can't be seen before the migration's lock: {why}",
                        standby.node
                    ));
                    break;
                }
            };
            let Some((blockers, effect)) = found else {
                break;
            };
            if Instant::now() + AGAIN > until {
                return Quiet::No(in_the_way(standby, blockers, effect));
            }
            told = true;
            errand.reports.waiting(vec![WaitReason::StandbyQueries {
                node: standby.node.clone(),
                blockers,
                effect,
                deadline,
            }]);
            tokio::time::sleep(AGAIN).await;
            if errand.must_stop() {
                return Quiet::GaveUp;
            }
        }
        eye.close().await;
    }
    if told {
        errand.reports.waiting(Vec::new());
    }
    Quiet::Yes
}

struct Eye<'a> {
    errand: &'a Errand,
    standby: &'a NamedNode,
    observer: Option<Box<dyn Observer>>,
}

impl<'a> Eye<'a> {
    fn of(errand: &'a Errand, standby: &'a NamedNode) -> Self {
        Self {
            errand,
            standby,
            observer: None,
        }
    }

    /// Who is in the way, and what becomes of them; none where nobody is.
    async fn look(
        &mut self,
        tables: &[String],
        unlinked: &[String],
    ) -> Result<Option<(Vec<Blocker>, StandbyEffect)>, String> {
        if self.observer.is_none() {
            let mut target = self.standby.target.clone();
            target.application = "greylag/preflight".into();
            let opened = self.errand.open.observe(&target).await;
            self.observer = opened.map_err(|why| chain(&why))?;
        }
        let Some(observer) = &mut self.observer else {
            return Ok(None);
        };
        let mut asked = tables.to_vec();
        if !unlinked.is_empty() {
            let partners = observer.partners(unlinked).await;
            asked.extend(partners.map_err(|why| chain(&why))?);
        }
        let blockers = observer
            .in_the_way(&asked, YOUNG)
            .await
            .map_err(|why| chain(&why))?;
        if blockers.is_empty() {
            return Ok(None);
        }
        let seen = observer.observe().await.map_err(|why| chain(&why))?;
        let effect = match seen.patience {
            Some(Delay::For(after)) => StandbyEffect::Cancels {
                after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            },
            Some(Delay::ForEver) | None => StandbyEffect::Stalls,
        };
        Ok(Some((blockers, effect)))
    }

    async fn close(self) {
        if let Some(observer) = self.observer {
            observer.close().await;
        }
    }
}

fn in_the_way(standby: &NamedNode, blockers: Vec<Blocker>, effect: StandbyEffect) -> Failure {
    let what = match effect {
        StandbyEffect::Cancels { .. } => "would be cancelled by",
        StandbyEffect::Stalls => "would stall the replay of",
    };
    let first = blockers.first();
    let pid = first.map_or("somebody", |blocker| blocker.pid.as_str());
    Failure {
        blockers: blockers.clone(),
        ..untouched(
            FailureClass::Lock,
            format!(
                "queries on standby {} (pid {pid} there) {what} the migration's lock, and did not end within the deadline",
                standby.node
            ),
            Some(
                "End them, wait until they have ended, or set the replica's `policy` to `observe`."
                    .into(),
            ),
        )
    }
}
