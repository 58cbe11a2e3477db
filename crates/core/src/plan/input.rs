//! What a plan is made of: what was seen, and what people chose.

use super::{parts::Wave, subscribers::RefusedThere};
use crate::{
    fleet::{Shard, ShardName},
    history::Reading,
    identity::Refusal,
    migration::{Migration, MigrationId},
    policy::{Policy, Scope},
};
use std::{collections::BTreeMap, sync::Arc};

/// What a plan is made of. Shards that read alike share one `Reading`, so that a hundred thousand of them fit.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    pub project: &'a str,
    pub environment: &'a str,
    /// The whole fleet in its declared order, also what `scope` leaves out.
    pub shards: Vec<Candidate>,
    /// All files, in no particular order.
    pub migrations: &'a [Migration],
    pub policy: &'a Policy,
    pub scope: &'a Scope,
    /// SHA-256, in hexadecimal, of what else the digest covers: session SQL and resolved placeholders.
    pub settings: &'a str,
    /// The history table is Flyway's own: overtaking a held migration then needs `out_of_order`.
    pub flyway_table: bool,
    /// Waves of a predecessor, kept by the rollout that supersedes it.
    pub waves: Option<Vec<Wave>>,
    /// Shards to take first within their wave (those that failed in the predecessor).
    pub first: Vec<ShardName>,
    /// What a review of the files found, if there was one.
    pub reviewed: Option<&'a Reviewed>,
    /// What logical subscribers refuse.
    pub refused_there: Option<&'a RefusedThere>,
}

/// What a review of the files found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reviewed {
    /// As the plan shows them.
    pub findings: Vec<serde_json::Value>,
    /// The rules that hold a migration: their findings are errors, and nobody allowed them.
    pub errors: BTreeMap<MigrationId, Vec<String>>,
}

/// A shard, and what was seen of it.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub shard: Shard,
    /// Its identity's uuid, or what it will get when claimed.
    pub uuid: Option<uuid::Uuid>,
    pub seen: Seen,
}

#[derive(Clone, Debug)]
pub enum Seen {
    Read {
        /// What its history says against the files on disk.
        reading: Arc<Reading>,
        /// It is empty and appeared after the others: it gets its own lane.
        newcomer: bool,
    },
    /// It could not be reached, and the person chose to leave such shards out.
    Unreachable { why: String },
    /// A guard refuses it.
    Refused { refusal: Refusal },
}

impl Input<'_> {
    /// The shards whose history was read.
    pub(super) fn readings(&self) -> impl Iterator<Item = (&Candidate, &Arc<Reading>)> {
        self.shards
            .iter()
            .filter_map(|candidate| match &candidate.seen {
                Seen::Read { reading, .. } => Some((candidate, reading)),
                Seen::Unreachable { .. } | Seen::Refused { .. } => None,
            })
    }

    pub(super) fn in_scope(&self, candidate: &Candidate) -> bool {
        self.scope
            .only
            .as_ref()
            .is_none_or(|only| only.contains(&candidate.shard.name))
    }
}
