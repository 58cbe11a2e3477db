//! How busy primaries, hosts and slots are, against the limits that a person chose. A limit that is set holds, too, where its
//! figure can't be seen.

use super::{Throttle, fold::Watched};
use crate::{
    gate::{LoadKind, SlotLimit, WaitReason},
    node::{Load, NodeName, NodeRole},
};
use std::collections::BTreeMap;

/// How the reader of a slot stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotFigure {
    pub slot: String,
    pub lag: SlotLag,
    /// How much log it keeps; none where it keeps none.
    pub retained: Option<u64>,
}

/// How far the reader of a slot is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotLag {
    /// Its reader is a node of its own, or a server's own: no limit on slots is about it.
    Unminded,
    /// So many bytes of log.
    Bytes(u64),
    /// Nobody can tell; says what would let it be seen, where anything would.
    Unseen { mend: Option<String> },
}

impl Throttle {
    pub(super) fn of_load(&self, name: &NodeName, watched: &Watched) -> Vec<WaitReason> {
        if watched.role != NodeRole::Primary {
            return Vec::new();
        }
        let load = watched.load.clone().unwrap_or_default();
        let weigh = |what: LoadKind, figure: Option<u32>, limit: Option<u32>| {
            let limit = limit?;
            let Some(figure) = figure else {
                return Some(unseen(name, &load, what));
            };
            (figure > limit).then(|| WaitReason::Load {
                place: name.to_string(),
                what,
                figure,
                limit,
            })
        };
        let limits = &self.limits;
        [
            weigh(LoadKind::Active, load.active, limits.active),
            weigh(
                LoadKind::LockWaiters,
                load.lock_waiters,
                limits.lock_waiters,
            ),
            // The sum is weighed by itself.
            (limits.active_per_host)
                .filter(|_| load.active.is_none())
                .map(|_| unseen(name, &load, LoadKind::ActiveOnHost)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    pub(super) fn of_hosts(&self) -> Vec<WaitReason> {
        let Some(limit) = self.limits.active_per_host else {
            return Vec::new();
        };
        // Nothing more starts on a host of which all shards were left out.
        let mut hosts: BTreeMap<&str, (u32, bool)> = BTreeMap::new();
        for (name, watched) in &self.nodes {
            let load = (watched.load.as_ref()).filter(|_| watched.role == NodeRole::Primary);
            if let Some(active) = load.and_then(|load| load.active) {
                let (sum, counts) = hosts.entry(&watched.host).or_default();
                *sum = sum.saturating_add(active);
                *counts |= !self.is_excused(&name.shard);
            }
        }
        hosts
            .into_iter()
            .filter(|(_, (figure, counts))| *figure > limit && *counts)
            .map(|(host, (figure, _))| WaitReason::Load {
                place: host.to_owned(),
                what: LoadKind::ActiveOnHost,
                figure,
                limit,
            })
            .collect()
    }

    pub(super) fn of_slots(&self, name: &NodeName, watched: &Watched) -> Vec<WaitReason> {
        let limits = &self.limits;
        let mut reasons = Vec::new();
        for figure in &watched.slots {
            let over = |what, bytes: u64, limit: Option<u64>| {
                let limit = limit.filter(|limit| bytes > *limit)?;
                Some(WaitReason::Slot {
                    node: name.clone(),
                    slot: figure.slot.clone(),
                    what,
                    bytes,
                    limit,
                })
            };
            reasons.extend(match &figure.lag {
                SlotLag::Unminded => None,
                SlotLag::Bytes(bytes) => over(SlotLimit::Lag, *bytes, limits.slot_lag),
                SlotLag::Unseen { mend } => limits.slot_lag.map(|_| WaitReason::ReplicaUnseen {
                    node: name.clone(),
                    why: format!(
                        "how far the reader of the slot `{}` is behind can't be seen, and `max-slot-lag` limits that",
                        figure.slot
                    ),
                    mend: mend.clone(),
                    since: None,
                }),
            });
            let retained = figure.retained.unwrap_or(0);
            reasons.extend(over(SlotLimit::Retained, retained, limits.slot_retained));
        }
        reasons
    }
}

/// A limit is set, and its figure can't be seen.
fn unseen(name: &NodeName, load: &Load, what: LoadKind) -> WaitReason {
    let (figure, key) = match what {
        LoadKind::Active => ("how many sessions are at work", "max-active"),
        LoadKind::ActiveOnHost => ("how many sessions are at work", "max-active-per-host"),
        LoadKind::LockWaiters => ("how many sessions wait for locks", "max-lock-waiters"),
    };
    WaitReason::ReplicaUnseen {
        node: name.clone(),
        why: format!("{figure} there can't be seen, and `{key}` limits that"),
        mend: load.mend.clone(),
        since: None,
    }
}
