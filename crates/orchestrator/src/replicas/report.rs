//! How a node stands, as surfaces show it.

use super::chance::A_CHANCE;
use greylag_core::{
    fleet::ShardName,
    node::{
        Blame, Finding, NodeName, NodePolicy, NodeRole, NodeState, Severity, Standing, Unobservable,
    },
    position::{Distance, Position},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
