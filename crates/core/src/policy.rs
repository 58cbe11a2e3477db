//! Limits that a person chose: waves, concurrency, failure budget, soak, approval, windows.

use crate::{fleet::ShardName, migration::Version, online::OnlinePolicy};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};

/// How a rollout goes out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// In order; none means `WaveRule::usual`.
    pub waves: Vec<WaveRule>,
    pub max_in_flight: u32,
    pub max_per_host: u32,
    pub failure_budget: Budget,
    pub group: Group,
    /// A pending version below the highest applied one is applied rather than held (Flyway's `outOfOrder`).
    pub out_of_order: bool,
    pub retry: Retry,
    pub lock_timeout: Duration,
    pub lock_deadline: Duration,
    /// Time windows in which stages may run; none means always. The text as written, parsed by `window`.
    pub windows: Vec<String>,
    /// Names of the project's own checks, asked at every gate.
    pub checks: Vec<String>,
    /// Left out where nothing was said, so that digests of before stay true.
    #[serde(default, skip_serializing_if = "OnlinePolicy::is_usual")]
    pub online: OnlinePolicy,
}

/// One `[[rollout.wave]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaveRule {
    pub name: String,
    /// A label selector as written; none means any shard.
    pub select: Option<String>,
    pub size: Size,
    pub soak: Duration,
    pub approval: bool,
}

impl WaveRule {
    /// The waves of a project that configures none: one shard, a tenth, the rest.
    pub fn usual() -> Vec<WaveRule> {
        let rule = |name: &str, size| WaveRule {
            name: name.to_owned(),
            select: None,
            size,
            soak: Duration::ZERO,
            approval: false,
        };
        vec![
            rule("canary", Size::Count(1)),
            rule("small batch", Size::Percent(1_000)),
            rule("fleet", Size::Rest),
        ]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    Count(u32),
    /// Of all shards of the plan, rounded up, never zero. In hundredths of a percent.
    Percent(u32),
    /// What is left.
    Rest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    Shards(u32),
    /// Of the plan's shards, rounded down. In hundredths of a percent.
    Percent(u32),
}

/// Whether a shard's pending migrations of a stage may share one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Where the engine's facts say so (SQLite).
    Auto,
    Always,
    Never,
}

/// How transient errors are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    pub attempts: u32,
    pub base: Duration,
    pub cap: Duration,
}

/// What a person asked of this run, beyond the project's policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Up to and including this version.
    pub to: Option<Version>,
    /// Only these shards.
    pub only: Option<BTreeSet<ShardName>>,
}
