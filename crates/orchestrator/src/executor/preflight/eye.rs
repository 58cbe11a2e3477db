//! Looks at one standby, again and again, over one connection while that holds.

use super::Noise;
use crate::{
    executor::{errand::Errand, explain::chain},
    replicas::NamedNode,
};
use greylag_core::{
    gate::StandbyEffect,
    node::{Delay, NodeName},
    outcome::{Blocker, Left},
};
use greylag_engines::{EngineError, Job, Observer};
use jiff::Timestamp;
use std::time::Duration;

/// A query this young may well be gone before the lock arrives.
const YOUNG: Duration = Duration::from_secs(1);

/// What standbys are asked about.
pub struct Asked {
    /// None named means all of them.
    tables: Vec<String>,
    /// Those whose foreign keys may go, which locks the tables that they refer to.
    unlinked: Vec<String>,
}

impl Asked {
    /// What these jobs lock against readers, behind what stands of the first of them; none where that is nothing.
    pub fn of(jobs: &[Job], left: Left) -> Option<Self> {
        let done = match left {
            Left::Partial { done, .. } => done as usize,
            Left::Nothing => 0,
        };
        let rest = |(at, job): (usize, &Job)| match (at, done) {
            (0, 1..) => job.script.keeping(|at| at >= done).exclusive(),
            _ => job.script.exclusive(),
        };
        let locks: Vec<_> = jobs.iter().enumerate().map(rest).collect();
        if locks.iter().all(|locks| locks.is_nothing()) {
            return None;
        }
        let untold = locks.iter().any(|locks| locks.untold.is_some());
        let collect = |of: fn(&greylag_core::script::Exclusive) -> &Vec<String>| match untold {
            true => Vec::new(),
            false => locks.iter().flat_map(|locks| of(locks).clone()).collect(),
        };
        Some(Self {
            tables: collect(|locks| &locks.tables),
            unlinked: collect(|locks| &locks.unlinked),
        })
    }
}

pub struct Eye<'a> {
    errand: &'a Errand,
    standby: NamedNode,
    observer: Option<Box<dyn Observer>>,
    /// Since when looks have come to nothing.
    blind: Option<Timestamp>,
}

/// Why a look came to nothing, and what would mend it.
struct Blind {
    why: String,
    mend: Option<String>,
}

impl From<EngineError> for Blind {
    fn from(error: EngineError) -> Self {
        let mend = match &error {
            EngineError::Server { hint, .. } => hint.clone(),
            _ => None,
        };
        Self {
            why: chain(&error),
            mend,
        }
    }
}

impl<'a> Eye<'a> {
    pub fn of(errand: &'a Errand, standby: NamedNode) -> Self {
        Self {
            errand,
            standby,
            observer: None,
            blind: None,
        }
    }

    /// Whether it looks along this way to the standby.
    pub fn is_on(&self, standby: &NamedNode) -> bool {
        self.standby.target.url == standby.target.url
    }

    /// Why the standby is not quiet; none where it is.
    pub async fn look(&mut self, asked: &Asked, patience: Duration) -> Option<(NodeName, Noise)> {
        let seen = match tokio::time::timeout(patience, self.try_look(asked)).await {
            Ok(seen) => seen,
            Err(_) => Err(Blind {
                why: format!("no answer within {patience:?}"),
                mend: None,
            }),
        };
        let noise = match seen {
            Ok(found) => {
                self.blind = None;
                let (blockers, effect) = found?;
                Noise::Queries { blockers, effect }
            }
            Err(Blind { why, mend }) => {
                // A new connection may be let, where this one is not, or has gone.
                self.observer = None;
                let since = *self.blind.get_or_insert_with(Timestamp::now);
                Noise::Unseen { why, mend, since }
            }
        };
        Some((self.standby.node.clone(), noise))
    }

    /// Who is in the way, and what becomes of them; none where nobody is.
    async fn try_look(
        &mut self,
        asked: &Asked,
    ) -> Result<Option<(Vec<Blocker>, StandbyEffect)>, Blind> {
        if self.observer.is_none() {
            let mut target = self.standby.target.clone();
            target.application = "greylag/preflight".into();
            let opened = self.errand.open.observe(&target).await;
            self.observer = opened.map_err(|why| Blind {
                why: chain(&why),
                mend: None,
            })?;
        }
        let Some(observer) = &mut self.observer else {
            // An engine without replication has no standbys.
            return Ok(None);
        };
        let mut tables = asked.tables.clone();
        if !asked.unlinked.is_empty() {
            tables.extend(observer.partners(&asked.unlinked).await?);
        }
        let blockers = observer.in_the_way(&tables, YOUNG).await?;
        if blockers.is_empty() {
            return Ok(None);
        }
        let effect = match observer.observe().await?.patience {
            Some(Delay::For(after)) => StandbyEffect::Cancels {
                after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            },
            Some(Delay::ForEver) | None => StandbyEffect::Stalls,
        };
        Ok(Some((blockers, effect)))
    }

    pub async fn close(self) {
        if let Some(observer) = self.observer {
            observer.close().await;
        }
    }
}
