//! `[replicas]`: how nodes are watched and what of them holds a rollout.

use super::{replica::choose, section::Section};
use greylag_core::throttle::{CatchingUp, Limits};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// `[replicas]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaSettings {
    pub wait: Expected,
    /// What of nodes holds a rollout: `max-lag` and `resume-lag` among them.
    pub limits: Limits,
    /// How long a shard's nodes may take to replay its work before it is `applied, not replayed`.
    pub timeout: Duration,
    /// How often each node is looked at.
    pub poll: Duration,
    /// Where nodes that a primary names (by address, or by name) are reached from here.
    pub addresses: BTreeMap<String, String>,
    /// Who reads a server's log and is no replica, though its server can't tell: by name, or by address.
    pub readers: BTreeSet<String>,
}

/// How many replicas a shard waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    All,
    Number(u32),
    None,
}

impl Default for ReplicaSettings {
    fn default() -> Self {
        Self {
            wait: Expected::All,
            limits: Limits::default(),
            timeout: Duration::from_secs(600),
            poll: Duration::from_secs(1),
            addresses: BTreeMap::new(),
            readers: BTreeSet::new(),
        }
    }
}

impl ReplicaSettings {
    pub(crate) fn read(section: Section<'_>) -> Self {
        let usual = Self::default();
        let wait = match section.value("wait") {
            None => usual.wait,
            Some(value) => match (value.get_ref().as_str(), value.get_ref().as_integer()) {
                (Some("all"), _) => Expected::All,
                (Some("none"), _) => Expected::None,
                (None, Some(_)) => section
                    .number("wait", 0)
                    .map_or(usual.wait, Expected::Number),
                _ => {
                    section.problems().add(
                        value.span(),
                        "`wait` is not understood",
                        "write `\"all\"`, `\"none\"` or a number".to_owned(),
                    );
                    usual.wait
                }
            },
        };
        let max_lag = section.duration("max-lag").unwrap_or(usual.limits.max_lag);
        let limits = Limits {
            max_lag,
            // A small `max-lag` alone is no mistake.
            resume_lag: section
                .duration("resume-lag")
                .unwrap_or(usual.limits.resume_lag.min(max_lag)),
            catching_up: choose(
                &section,
                "catching-up",
                section.string("catching-up"),
                &[("hold", CatchingUp::Hold), ("exclude", CatchingUp::Exclude)],
            ),
            slot_lag: section.size("max-slot-lag"),
            slot_retained: section.size("max-slot-retained"),
            active: section.number("max-active", 1),
            lock_waiters: section.number("max-lock-waiters", 0),
            active_per_host: section.number("max-active-per-host", 1),
            ..usual.limits
        };
        if limits.resume_lag > limits.max_lag {
            section.problems().add(
                section.place("resume-lag"),
                "`resume-lag` is above `max-lag`",
                "going on needs a smaller lag than holding, or it would flap".to_owned(),
            );
        }
        let poll = section.duration("poll").unwrap_or(usual.poll);
        if poll < Duration::from_millis(50) {
            section.problems().add(
                section.place("poll"),
                "`poll` is shorter than 50ms",
                "each look is a query on each node; write `poll = \"1s\"`".to_owned(),
            );
        }
        let addresses = section.words("addresses").into_iter();
        let settings = Self {
            wait,
            limits,
            timeout: section.duration("timeout").unwrap_or(usual.timeout),
            poll,
            addresses: addresses.map(|(k, v)| (k.value, v.value)).collect(),
            readers: (section.strings("readers").unwrap_or_default().into_iter())
                .map(|reader| reader.value)
                .collect(),
        };
        section.finish();
        settings
    }
}
