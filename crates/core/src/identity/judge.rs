//! Judgement over one survey, and over all servers of a fleet.

use super::{Known, Refusal};
use crate::{
    fleet::ShardName,
    survey::{Role, Survey},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Who the shard should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected<'a> {
    pub shard: &'a ShardName,
    pub project: &'a str,
    pub environment: &'a str,
    /// What is remembered of it, if anything.
    pub known: Option<&'a Known>,
    /// A person asked to claim databases that have tables and no identity (`baseline`, `adopt`, `apply --claim N`).
    pub claim_allowed: bool,
}

/// The node is the writable primary of the shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// It carries the shard's identity, on a server where it was proven before.
    Proven,
    /// It carries the shard's identity, and nothing was remembered of the shard: remember this node.
    Recognised,
    /// An empty database: claimed by itself.
    Empty,
    /// It has tables and no identity, and a person asked to claim it.
    Claimed,
}

impl Proof {
    /// Whether an identity has still to be written.
    pub fn needs_claim(self) -> bool {
        matches!(self, Proof::Empty | Proof::Claimed)
    }
}

/// Judges a survey of what should be a shard's primary. The first reason to refuse is told.
pub fn judge(expected: &Expected<'_>, survey: &Survey) -> Result<Proof, Refusal> {
    let shard = || expected.shard.clone();
    let address = || survey.server.address.clone();
    match survey.role {
        Role::Replica => {
            return Err(Refusal::NotPrimary {
                shard: shard(),
                address: address(),
            });
        }
        Role::ReadOnly => {
            return Err(Refusal::ReadOnly {
                shard: shard(),
                address: address(),
            });
        }
        Role::Primary => {}
    }
    if let Some(identity) = &survey.identity
        && identity.environment != expected.environment
    {
        return Err(Refusal::AnotherEnvironment {
            shard: shard(),
            says: identity.environment.clone(),
            expected: expected.environment.to_owned(),
            address: address(),
        });
    }
    // Another project's row says where the database belongs, and no more: this project claims it for itself.
    let own = survey
        .identity
        .as_ref()
        .filter(|i| i.project == expected.project);
    let Some(identity) = own else {
        return claim(expected, survey);
    };
    if identity.name != *expected.shard {
        return Err(Refusal::AnotherName {
            shard: shard(),
            says: identity.name.clone(),
            address: address(),
        });
    }
    let Some(known) = expected.known else {
        return Ok(Proof::Recognised);
    };
    if known.uuid != identity.uuid {
        return Err(Refusal::AnotherIdentity {
            shard: shard(),
            known: known.uuid,
            says: identity.uuid,
            address: address(),
        });
    }
    let proven = known.nodes.iter().any(|node| node.is(&survey.server));
    match known.primary() {
        Some(present) if known.is_deposed(&survey.server) => Err(Refusal::Deposed {
            shard: shard(),
            address: address(),
            present: present.address.clone(),
        }),
        Some(last) if !proven => Err(Refusal::Moved {
            shard: shard(),
            address: address(),
            proven: last.address.clone(),
        }),
        Some(_) => Ok(Proof::Proven),
        None => Ok(Proof::Recognised),
    }
}

/// Shards that are at one place, each with the identity that is written there.
type Named<'a> = Vec<(&'a ShardName, Option<Uuid>)>;

/// Every pair of shards that are one and the same database, each later one against the first. `project` is whose identities tell
/// a physical clone from its original.
pub fn duplicates(project: &str, surveys: &[(ShardName, &Survey)]) -> Vec<Refusal> {
    let mut first: BTreeMap<(&str, &str), Named<'_>> = BTreeMap::new();
    let mut refusals = Vec::new();
    for (shard, survey) in surveys {
        let server = &survey.server;
        let key = (server.lineage.as_str(), server.database.as_str());
        let own = (survey.identity.as_ref()).filter(|identity| identity.project == project);
        let uuid = own.map(|identity| identity.uuid);
        let alike = first.entry(key).or_default();
        // One database carries one identity: with two of them it is a clone that was rebranded.
        let same = |other: &Option<Uuid>| uuid.is_none() || other.is_none() || uuid == *other;
        match alike.iter().find(|(_, other)| same(other)) {
            Some((other, _)) if *other != shard => refusals.push(Refusal::SameDatabase {
                shard: shard.clone(),
                other: (*other).clone(),
                address: server.address.clone(),
            }),
            Some(_) => {}
            None => alike.push((shard, uuid)),
        }
    }
    refusals
}

/// A database without an identity of this project's.
fn claim(expected: &Expected<'_>, survey: &Survey) -> Result<Proof, Refusal> {
    let shard = expected.shard.clone();
    let address = survey.server.address.clone();
    match (expected.known, survey.empty && survey.identity.is_none()) {
        // A shard that had an identity and has none now may be another database altogether, empty or not.
        (Some(known), _) if !expected.claim_allowed => Err(Refusal::LostIdentity {
            shard,
            known: known.uuid,
            address,
        }),
        (_, true) => Ok(Proof::Empty),
        (_, false) if expected.claim_allowed => Ok(Proof::Claimed),
        (_, false) => Err(Refusal::Unclaimed { shard, address }),
    }
}

#[cfg(test)]
mod tests;
