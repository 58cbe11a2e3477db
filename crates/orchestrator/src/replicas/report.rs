//! How a node stands, as surfaces show it, and what one look at a shard comes to in these terms.

use super::{
    behind::Behind,
    board::advise,
    chance::A_CHANCE,
    earlier::Earlier,
    look::{Looked, ShardLook, proven_peers},
    roster::Blind,
};
use crate::setup::Setup;
use greylag_core::{
    fleet::ShardName,
    node::{
        Blame, Case, Finding, Lag, NodeName, NodePolicy, NodeRole, NodeSighting, NodeState,
        Severity, Standing, Unobservable, counted, downstreams, judge, readers,
    },
    position::{Distance, Position},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One node of a shard, as it was when it was looked at. What nobody knows is absent, never zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeReport {
    pub shard: ShardName,
    /// Within the shard: `primary`, `replica-1`, or as the project (or the primary) names it.
    pub name: String,
    pub role: NodeRole,
    #[serde(flatten)]
    pub policy: NodePolicy,
    pub state: NodeState,
    pub lag_seconds: Option<f64>,
    /// `lag_seconds` is the least it can be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lag_at_least: bool,
    pub lag_bytes: Option<u64>,
    pub lag_transactions: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blame: Option<Blame>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What the account may not see there, and what would let it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unobservable: Vec<Unobservable>,
    /// Host and port as the server says, or as it is asked for where it can't be reached; no secrets.
    pub address: Option<String>,
    /// The server's own version.
    pub version: Option<String>,
    pub position: Option<Position>,
}

impl NodeReport {
    pub(crate) fn new(
        node: &NodeName,
        role: NodeRole,
        policy: NodePolicy,
        standing: &Standing,
    ) -> Self {
        let distance = standing.lag.distance;
        Self {
            shard: node.shard.clone(),
            name: node.node.to_string(),
            role,
            policy,
            state: standing.state,
            lag_seconds: standing.lag.time.map(|time| time.as_secs_f64()),
            lag_at_least: standing.lag.at_least,
            lag_bytes: distance.and_then(Distance::bytes),
            lag_transactions: distance.and_then(|distance| match distance {
                Distance::Transactions(count) => Some(count),
                Distance::Bytes(_) => None,
            }),
            blame: standing.blame.clone(),
            findings: standing.findings.clone(),
            unobservable: Vec::new(),
            address: None,
            version: None,
            position: None,
        }
    }

    pub fn node(&self) -> NodeName {
        NodeName {
            shard: self.shard.clone(),
            node: self.name.as_str().into(),
        }
    }

    /// It is waited for, and does not follow as it should: it would hold a rollout, or soon will.
    pub fn in_trouble(&self, now: Timestamp) -> bool {
        let bad = self.state != NodeState::Good || self.is_short() || self.has_problem();
        self.policy.guards(now) && bad
    }

    /// It had its chance, and has not come to where its primary was: for how long it has been behind, one look can't tell.
    pub fn is_short(&self) -> bool {
        let had_its_chance = |seconds| seconds > A_CHANCE.as_secs_f64();
        let on_purpose = matches!(self.blame, Some(Blame::Delayed { .. }));
        self.lag_at_least && !on_purpose && self.lag_seconds.is_some_and(had_its_chance)
    }

    /// It is waited for, and somebody must mend it: it can't be reached or judged, is none of the shard's, or has an error.
    pub fn must_be_mended(&self, now: Timestamp) -> bool {
        let lost = matches!(
            self.state,
            NodeState::Unreachable | NodeState::Unobservable | NodeState::Refused
        );
        self.policy.guards(now) && (lost || self.has_problem())
    }

    fn has_problem(&self) -> bool {
        let problem = |finding: &Finding| finding.severity == Severity::Problem;
        self.findings.iter().any(problem)
    }
}

/// Judges what was seen of a shard's nodes, by what the looks before saw, too.
pub(super) fn report(
    setup: &Setup,
    look: ShardLook,
    behind: &Behind,
    earlier: &mut Earlier,
) -> Vec<NodeReport> {
    let shard = &look.primary.node.node.shard;
    let primary = look.primary.seen.as_ref().ok();
    let trail = earlier.trail(shard, primary);
    let peers = proven_peers(&look);
    let max_lag = setup.replication.settings.limits.max_lag;
    let mut reports = Vec::new();
    for Looked { node, seen, advice } in std::iter::once(&look.primary).chain(&look.nodes) {
        let mut standing = match seen {
            Ok(seen) => {
                let before = earlier.before(&node.node);
                let mut seen = seen.clone();
                seen.remember(before.map(|(before, _)| before), primary);
                let mut standing = judge(&Case {
                    role: node.role,
                    node: &seen,
                    primary,
                    trail: &trail,
                    before,
                    peers: &peers,
                    max_lag,
                });
                standing.findings.extend(counted(&seen));
                earlier.keep(node.node.clone(), seen, standing.lag.distance);
                standing
            }
            Err(error) => unreachable(match advice {
                Some(advice) => format!("{error}; {advice}"),
                None => error.clone(),
            }),
        };
        if let Some(advice) = advice.as_ref().filter(|_| !standing.is_rival()) {
            advise(&mut standing, advice);
        }
        if let Some(blind) = look.blind.get(&node.node) {
            standing.findings.insert(0, unseen(blind));
        }
        let more = behind.get(&node.node);
        standing
            .findings
            .extend(more.into_iter().flatten().cloned());
        let mut report = NodeReport::new(&node.node, node.role, node.policy.clone(), &standing);
        match seen {
            Ok(seen) => {
                report.address = Some(seen.server.address.clone());
                report.version = Some(seen.server.version.clone());
                report.position = seen.position.clone();
                report.unobservable.clone_from(&seen.unobservable);
            }
            Err(_) => report.address = Some(node.target.address()),
        }
        reports.push(report);
    }
    if let Some(primary) = primary {
        let subscribers = (look.nodes.iter())
            .filter_map(|node| node.seen.as_ref().ok())
            .flat_map(|seen| &seen.subscriptions)
            .filter_map(|subscription| subscription.slot.clone())
            .collect();
        for (slot, standing) in downstreams(primary, &subscribers, &trail) {
            reports.push(downstream(shard, slot, &standing));
        }
    }
    reports.extend(of_readers(&look));
    for lost in &look.unmapped {
        let standing = unreachable(lost.why.clone());
        let role = NodeRole::Replica;
        reports.push(NodeReport::new(
            &lost.node,
            role,
            NodePolicy::Guard,
            &standing,
        ));
    }
    reports
}

/// Limits on slots hold a rollout; who reads is nobody's to wait for.
fn downstream(shard: &ShardName, name: String, standing: &Standing) -> NodeReport {
    let node = NodeName {
        shard: shard.clone(),
        node: name.into(),
    };
    NodeReport::new(&node, NodeRole::Downstream, NodePolicy::Observe, standing)
}

/// Those who read the binary log of one of the shard's servers, under names that tell them apart.
fn of_readers(look: &ShardLook) -> Vec<NodeReport> {
    let all = || std::iter::once(&look.primary).chain(&look.nodes);
    let seen: Vec<&NodeSighting> = all().filter_map(|node| node.seen.as_ref().ok()).collect();
    let all_seen = seen.len() == look.nodes.len() + 1 && look.unmapped.is_empty();
    let shard = &look.primary.node.node.shard;
    let mut taken: BTreeSet<String> = all().map(|node| node.node.node.node.to_string()).collect();
    let found = seen.iter().flat_map(|one| readers(one, &seen, all_seen));
    let report = |reader: greylag_core::node::Reader| {
        let numbered = (2..).map(|number| format!("{}-{number}", reader.name));
        let mut names = std::iter::once(reader.name.clone()).chain(numbered);
        let name = names.find(|name| taken.insert(name.clone()));
        let standing = reader.standing();
        NodeReport {
            address: reader.address,
            ..downstream(shard, name.unwrap_or(reader.name), &standing)
        }
    };
    found.map(report).collect()
}

fn unseen(blind: &Blind) -> Finding {
    Finding {
        severity: Severity::Problem,
        kind: "followers-unseen".into(),
        text: blind.why.clone(),
        mend: Some(blind.mend.clone()),
    }
}

fn unreachable(error: String) -> Standing {
    Standing {
        state: NodeState::Unreachable,
        lag: Lag::default(),
        blame: Some(Blame::Unreachable { since: None, error }),
        findings: Vec::new(),
    }
}
