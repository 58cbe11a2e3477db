//! What is remembered of each node, and what follows from it now.

use super::{CatchingUp, Limits, SlotFigure};
use crate::{
    fleet::ShardName,
    gate::WaitReason,
    node::{Blame, Finding, Load, NodeName, NodePolicy, NodeRole, NodeState, Severity, Standing},
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Whether a rollout may start something new.
#[derive(Clone, Debug, PartialEq)]
pub enum Go {
    Yes,
    /// Some node has not been looked at for the first time, or nobody can tell yet how far behind it is.
    NotYet,
    Hold(Vec<WaitReason>),
}

/// So long a node that has yet to come to where its primary was is waited for without a word: one that is well comes there
/// between two looks.
const QUIETLY: Duration = Duration::from_secs(2);

/// The nodes that a rollout minds.
#[derive(Clone, Debug, Default)]
pub struct Throttle {
    pub(super) limits: Limits,
    pub(super) nodes: BTreeMap<NodeName, Watched>,
    /// Shards that should have nodes to wait for, and have none; says why.
    lacking: BTreeMap<ShardName, String>,
    /// Shards that a person left out: how their nodes stand holds nobody.
    excused: BTreeSet<ShardName>,
}

#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) role: NodeRole,
    policy: NodePolicy,
    pub(super) host: Arc<str>,
    standing: Option<Standing>,
    pub(super) load: Option<Load>,
    pub(super) slots: Vec<SlotFigure>,
    /// Looks in a row that came to nothing, since when, and why.
    missed: u32,
    since: Option<Timestamp>,
    error: String,
    /// It was above the limit, and has not come down to where it may go on.
    over: bool,
}

impl Throttle {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// From now on the node is to be seen.
    pub fn expect(&mut self, node: NodeName, role: NodeRole, policy: NodePolicy, host: Arc<str>) {
        let fresh = || Watched {
            role,
            policy: NodePolicy::Guard,
            host,
            standing: None,
            load: None,
            slots: Vec::new(),
            missed: 0,
            since: None,
            error: String::new(),
            over: false,
        };
        let watched = self.nodes.entry(node).or_insert_with(fresh);
        watched.role = role;
        watched.policy = policy;
    }

    /// The node is expected no more.
    pub fn forget(&mut self, node: &NodeName) {
        self.nodes.remove(node);
    }

    /// The shard should have nodes to wait for, and has none (or has them again).
    pub fn lack(&mut self, shard: ShardName, why: Option<String>) {
        match why {
            Some(why) => drop(self.lacking.insert(shard, why)),
            None => drop(self.lacking.remove(&shard)),
        }
    }

    /// The shard is left out of the rollout: its nodes are looked at, and hold nothing any more.
    pub fn excuse(&mut self, shard: ShardName) {
        self.excused.insert(shard);
    }

    pub fn is_excused(&self, shard: &ShardName) -> bool {
        self.excused.contains(shard)
    }

    /// Takes in one look at a node.
    pub fn see(
        &mut self,
        node: &NodeName,
        standing: Standing,
        load: Option<Load>,
        slots: Vec<SlotFigure>,
    ) {
        let limits = &self.limits;
        let Some(watched) = self.nodes.get_mut(node) else {
            return;
        };
        watched.missed = 0;
        watched.since = None;
        watched.over = match minded(&standing) {
            Some(lag) if lag > limits.max_lag => true,
            Some(lag) if lag <= limits.resume_lag && !is_bound(&standing) => false,
            _ => watched.over,
        };
        watched.standing = Some(standing);
        watched.load = load;
        watched.slots = slots;
    }

    /// A look at a node came to nothing.
    pub fn miss(&mut self, node: &NodeName, error: String, at: Timestamp) {
        if let Some(watched) = self.nodes.get_mut(node) {
            watched.missed = watched.missed.saturating_add(1);
            watched.since.get_or_insert(at);
            watched.error = error;
        }
    }

    /// How the node stood when it was last looked at.
    pub fn standing(&self, node: &NodeName) -> Option<&Standing> {
        self.nodes.get(node)?.standing.as_ref()
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether something new may start now.
    pub fn go(&self, now: Timestamp) -> Go {
        let mut reasons: Vec<WaitReason> = self
            .lacking
            .iter()
            .filter(|(shard, _)| !self.is_excused(shard))
            .map(|(shard, why)| WaitReason::NoReplicas {
                shard: shard.clone(),
                why: why.clone(),
            })
            .collect();
        let mut not_yet = false;
        let counts = |name: &NodeName| !self.is_excused(&name.shard);
        for (name, watched) in self.nodes.iter().filter(|(name, _)| counts(name)) {
            if !watched.policy.guards(now) {
                // One that can't be looked at any more may be gone, which is how a person ends it.
                let is_seen = watched.missed < self.limits.missed.max(1);
                let rival = watched.standing.as_ref().filter(|one| one.is_rival());
                if let Some(standing) = rival
                    && watched.policy == NodePolicy::Observe
                    && is_seen
                {
                    reasons.extend(self.of_standing(name, watched, standing));
                }
                continue;
            }
            if watched.missed >= self.limits.missed.max(1) {
                reasons.push(WaitReason::ReplicaUnseen {
                    node: name.clone(),
                    why: watched.error.clone(),
                    mend: None,
                    since: watched.since,
                });
                continue;
            }
            match &watched.standing {
                None => not_yet = true,
                Some(standing) => {
                    not_yet |= self.weigh(watched, standing) == Weight::Open;
                    reasons.extend(self.of_standing(name, watched, standing));
                    reasons.extend(self.of_load(name, watched));
                    reasons.extend(self.of_slots(name, watched));
                }
            }
        }
        reasons.extend(self.of_hosts());
        if !reasons.is_empty() {
            Go::Hold(reasons)
        } else if not_yet {
            Go::NotYet
        } else {
            Go::Yes
        }
    }

    fn of_standing(
        &self,
        name: &NodeName,
        watched: &Watched,
        standing: &Standing,
    ) -> Vec<WaitReason> {
        if self.leaves_out(standing) {
            return Vec::new();
        }
        let unseen = |why: String, mend: Option<String>| WaitReason::ReplicaUnseen {
            node: name.clone(),
            why,
            mend,
            since: None,
        };
        let first = standing.findings.first();
        match (standing.state, &standing.blame) {
            (NodeState::Refused, _) => {
                return vec![unseen(
                    first.map_or("it is refused".into(), |finding| finding.text.clone()),
                    first.and_then(|finding| finding.mend.clone()),
                )];
            }
            (NodeState::Unobservable, Some(Blame::Unobservable { what, mend })) => {
                return vec![unseen(format!("{what} can't be seen"), mend.clone())];
            }
            (NodeState::Unobservable | NodeState::Unreachable, _) => {
                return vec![unseen("what matters can't be seen there".into(), None)];
            }
            _ => {}
        }
        let mut reasons = Vec::new();
        if self.weigh(watched, standing) == Weight::Holds {
            reasons.push(WaitReason::ReplicaLag {
                node: name.clone(),
                lag_ms: standing
                    .lag
                    .time
                    .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
                at_least: is_bound(standing),
                distance: standing.lag.distance,
                limit_ms: u64::try_from(self.limits.max_lag.as_millis()).unwrap_or(u64::MAX),
                blame: standing.blame.clone(),
            });
        }
        let problems = standing.findings.iter().filter(|finding| holds(finding));
        reasons.extend(problems.map(|finding| WaitReason::ReplicaTrouble {
            node: name.clone(),
            finding: finding.clone(),
        }));
        reasons
    }

    fn leaves_out(&self, standing: &Standing) -> bool {
        standing.state == NodeState::CatchingUp && self.limits.catching_up == CatchingUp::Exclude
    }

    /// What a node's lag makes of starting something new.
    fn weigh(&self, watched: &Watched, standing: &Standing) -> Weight {
        if watched.role == NodeRole::Primary || self.leaves_out(standing) {
            return Weight::Lets;
        }
        // Who waits for a query there may have it in a moment.
        let stands = standing.state == NodeState::Stalled
            && !matches!(standing.blame, Some(Blame::Blocked { .. }));
        match standing.lag.time {
            _ if watched.over => Weight::Holds,
            // Nobody knows how far behind: that is not zero.
            None => Weight::Holds,
            Some(_) if !is_bound(standing) => Weight::Lets,
            // It won't come to where its primary was before somebody does something.
            Some(_) if stands => Weight::Holds,
            Some(least) if least > QUIETLY => Weight::Holds,
            Some(_) => Weight::Open,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    Lets,
    /// Nobody can tell yet.
    Open,
    Holds,
}

/// Whether the lag may be any amount larger than it is known to be. A node that is held back on purpose comes to where its
/// primary was when its delay is over, and not before.
fn is_bound(standing: &Standing) -> bool {
    standing.lag.at_least && !matches!(standing.blame, Some(Blame::Delayed { .. }))
}

/// Whether a finding of a guarded node holds. A receiver that tries again shows as lag, which has a limit.
pub fn holds(finding: &Finding) -> bool {
    finding.severity == Severity::Problem && finding.kind != "receiver-error"
}

/// The lag that counts against the limit: what is held back on purpose doesn't.
fn minded(standing: &Standing) -> Option<Duration> {
    let time = standing.lag.time?;
    Some(match &standing.blame {
        Some(Blame::Delayed { by }) => time.saturating_sub(*by),
        _ => time,
    })
}
