//! What one run of a rollout carries with it, and how it ends.

use crate::{
    apply::Options,
    control::Control,
    executor::{Anchor, Errand, Limits, Report, Reports, Scripts},
    journal::KnownShard,
    setup::Setup,
};
use greylag_core::{fleet::ShardName, gate::WaitReason, plan::Plan};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::{mpsc, watch};

/// Everything an errand is made of.
pub struct Run {
    pub setup: Setup,
    pub rollout: Arc<str>,
    pub plan: Arc<Plan>,
    pub scripts: Arc<Scripts>,
    pub epoch: u64,
    pub options: Options,
    /// What is remembered of shards.
    pub known: BTreeMap<ShardName, KnownShard>,
    pub control: Control,
    /// The anchor's name and session; none where nothing holds it (tests, steering).
    pub anchor: Option<(ShardName, Arc<Anchor>)>,
    /// Only finds out what became of what was in flight.
    pub settle_only: bool,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// `Finished` is recorded.
    Finished,
    /// There is nothing to do before a person acts, or time passes that is not waited for.
    Waiting(Vec<WaitReason>),
    Interrupted,
}

/// Why a run had to end without the rollout's say.
#[derive(Debug)]
pub enum Stop {
    Ledger(super::LedgerError),
    LeaseLost(String),
}

impl Run {
    pub fn errand(
        &self,
        stage: usize,
        shard: &ShardName,
        reports: mpsc::UnboundedSender<Report>,
        draining: watch::Receiver<bool>,
    ) -> Option<Errand> {
        let mut found = self.setup.fleet.get(shard)?.clone();
        found.target.application = format!("greylag/{}/{shard}", self.rollout).into();
        let policy = &self.plan.policy;
        let anchor = self
            .anchor
            .as_ref()
            .filter(|(name, _)| name == shard)
            .map(|(_, anchor)| anchor.clone());
        let planned = self
            .plan
            .shards()
            .iter()
            .find(|planned| planned.name == *shard);
        Some(Errand {
            work: self.plan.work(stage, shard).into(),
            uuid: planned.and_then(|planned| planned.uuid),
            known: self.known.get(shard).map(|known| known.known.clone()),
            project: self.setup.fleet.project.clone(),
            environment: self.setup.fleet.environment.clone(),
            rollout: self.rollout.clone(),
            epoch: self.epoch,
            by: self.setup.by.as_str().into(),
            scripts: self.scripts.clone(),
            limits: Limits {
                group: policy.group,
                retry: policy.retry,
                lock_timeout: policy.lock_timeout,
                lock_deadline: policy.lock_deadline,
            },
            open: self.setup.open.clone(),
            control: self.control.clone(),
            draining,
            anchor,
            take_over: self.options.take_over,
            reports: Reports::new(stage, shard.clone(), reports),
            shard: found,
        })
    }
}
