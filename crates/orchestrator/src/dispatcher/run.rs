//! What one run of a rollout carries with it, and how it ends.

use super::LedgerError;
use crate::{
    apply::Options,
    control::Control,
    executor::{Anchor, Errand, Had, Limits, Orphans, Report, Reports, Scripts, Sisters, Standbys},
    fleet::FleetShard,
    journal::{JournalError, KnownShard, Lease},
    replicas::NamedNode,
    runner::Holds,
    setup::Setup,
};
use greylag_core::{
    fleet::ShardName, gate::WaitReason, plan::Plan, rollout::OutOfOrder, survey::Server,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

/// Everything an errand is made of.
pub struct Run {
    pub setup: Setup,
    pub rollout: Arc<str>,
    pub plan: Arc<Plan>,
    pub scripts: Arc<Scripts>,
    pub epoch: u64,
    pub lease: Lease,
    pub options: Options,
    /// What is remembered of shards.
    pub known: Mutex<BTreeMap<ShardName, KnownShard>>,
    /// Servers that were seen to follow primaries when the fleet was looked at.
    pub beside: BTreeMap<ShardName, Vec<Server>>,
    pub control: Control,
    /// The anchor's name and session; none where nothing holds it (tests, steering).
    pub anchor: Option<(ShardName, Arc<Anchor>)>,
    /// Only finds out what became of what was in flight.
    pub settle_only: bool,
    /// Shards whose `verify` queries could not be asked again in this run, and why.
    pub unasked: Mutex<BTreeMap<ShardName, String>>,
    pub places: Places,
}

/// A shard's guarded replicas, and its logical subscribers.
pub type Followers = (Standbys, Arc<[NamedNode]>);

/// What ties an errand to its dispatcher.
pub struct Ties {
    pub reports: mpsc::UnboundedSender<Report>,
    pub draining: watch::Receiver<bool>,
    pub holds: Holds,
}

/// The plan's shards within the fleet.
pub type Places = HashMap<ShardName, Place>;

/// Where a shard stands in the fleet, and who the plan says it is.
#[derive(Clone, Debug)]
pub struct Place {
    at: usize,
    uuid: Option<Uuid>,
    sisters: Option<Sisters>,
}

/// Finds all shards of the plan at once: a fleet may have very many.
pub fn find_places(setup: &Setup, plan: &Plan) -> Places {
    let uuids: HashMap<&ShardName, Option<Uuid>> =
        plan.shards().iter().map(|s| (&s.name, s.uuid)).collect();
    let mut sisters: HashMap<String, Sisters> = HashMap::new();
    let mut sisters_of = |shard: &FleetShard| {
        shard.target.schema.as_ref()?;
        let database = shard.target.address();
        let sisters = sisters
            .entry(database)
            .or_insert_with_key(|database| Sisters::of(database));
        Some(sisters.clone())
    };
    let fleet = setup.fleet.shards.iter().enumerate();
    fleet
        .filter_map(|(at, shard)| {
            let uuid = *uuids.get(&shard.shard.name)?;
            let sisters = sisters_of(shard);
            let place = Place { at, uuid, sisters };
            Some((shard.shard.name.clone(), place))
        })
        .collect()
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
    Ledger(LedgerError),
    LeaseLost(String),
}

impl From<JournalError> for Stop {
    fn from(why: JournalError) -> Self {
        Self::Ledger(why.into())
    }
}

impl From<OutOfOrder> for Stop {
    fn from(why: OutOfOrder) -> Self {
        Self::Ledger(why.into())
    }
}

impl Run {
    /// What is remembered of a shard.
    pub fn known_of(&self, shard: &ShardName) -> Option<KnownShard> {
        self.remembered().get(shard).cloned()
    }

    pub fn remembered(&self) -> MutexGuard<'_, BTreeMap<ShardName, KnownShard>> {
        self.known.lock().expect("no panics inside")
    }

    pub fn errand(
        &self,
        stage: usize,
        shard: &ShardName,
        ties: Ties,
        (standbys, subscribers): Followers,
        had: Had,
    ) -> Option<Errand> {
        let Ties {
            reports,
            draining,
            holds,
        } = ties;
        let place = self.places.get(shard)?;
        let shard_named = &self.setup.fleet.shards[place.at];
        let mut found = self.setup.seats.seated(shard_named);
        found.target.application = format!("greylag/{}/{shard}", self.rollout).into();
        let policy = &self.plan.policy;
        let anchor = self
            .anchor
            .as_ref()
            .filter(|(name, _)| name == shard)
            .map(|(_, anchor)| anchor.clone());
        Some(Errand {
            work: self.plan.work(stage, shard).into(),
            folder: self.setup.folder.clone(),
            beside: self.beside.get(shard).map_or(&[][..], |list| list).into(),
            named: shard_named.target.clone(),
            seeker: Some(self.setup.seeker().under(&self.lease)),
            uuid: place.uuid,
            known: self.known_of(shard).map(|known| known.known),
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
            orphans: Orphans::new(self.setup.journal.clone(), self.lease.clone()),
            sisters: place.sisters.clone(),
            reports: Reports::new(stage, shard.clone(), had, reports),
            standbys,
            subscribers,
            phase: self.plan.stages[stage].phase,
            subscribes: false,
            holds,
            online: policy.online.clone().into(),
            shares: None,
            replicated: self.setup.replication.of_shard(shard).is_some(),
            shard: found,
        })
    }
}
