//! What logical subscribers make of a plan's migrations: rows come to them by replication, migrations by Greylag.
//!
//! Knows no publication and no SQL: what is to be made of each file was judged before, and is data here.

use super::held::HoldReason;
use crate::{
    migration::{MigrationId, Phase},
    node::NodeName,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Subscribers that make the same of their shards' migrations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribers {
    pub nodes: Vec<NodeName>,
    /// What their shards run, in order.
    pub migrations: Vec<SubscriberShare>,
    /// Why nobody can tell before the shard's turn comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
}

/// What a subscriber makes of one migration, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriberShare {
    pub migration: MigrationId,
    /// From 0.
    pub stage: usize,
    pub turn: Turn,
    #[serde(flatten)]
    pub there: There,
}

/// When the subscribers of a shard get a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Before their publisher, so that no row comes with a column they don't have.
    Before,
    /// After it, once the last row with what is taken away has been applied.
    After,
    /// Rows come by replication.
    Never,
}

impl Turn {
    pub fn of(phase: Phase) -> Self {
        match phase {
            Phase::Expand => Turn::Before,
            Phase::Contract => Turn::After,
            Phase::Backfill => Turn::Never,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "there", rename_all = "snake_case")]
pub enum There {
    /// Its history has it already.
    Applied,
    Runs,
    /// Some statements are left out, and why.
    Part {
        left: Vec<String>,
    },
    /// Nothing of it runs there, and why.
    Left {
        left: Vec<String>,
    },
}

/// Migrations that subscribers refuse: each is held wherever it is pending, so that no shard gets what another can't take.
pub type RefusedThere = BTreeMap<MigrationId, Vec<HoldReason>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expands_goes_to_subscribers_first_and_what_contracts_last() {
        assert_eq!(Turn::of(Phase::Expand), Turn::Before);
        assert_eq!(Turn::of(Phase::Contract), Turn::After);
        assert_eq!(Turn::of(Phase::Backfill), Turn::Never);
    }
}
