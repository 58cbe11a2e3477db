//! Who a shard is: proof that a node is the writable primary the plan means.
//!
//! Pure judgement over surveys; knows no connection.

mod judge;
mod known;
mod lock;

pub use judge::{Expected, Proof, duplicates, judge};
pub use known::{Forgotten, Known, Node};
pub use lock::lock_key;

use crate::fleet::ShardName;
use serde::{Deserialize, Serialize};

/// Why a shard is refused before anything is touched. Each names both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "refusal", rename_all = "snake_case")]
pub enum Refusal {
    #[error("{address} is a replica: shard `{shard}` must name its primary")]
    NotPrimary { shard: ShardName, address: String },
    #[error("{address} is read-only: shard `{shard}` can't be changed there")]
    ReadOnly { shard: ShardName, address: String },
    #[error("shards `{shard}` and `{other}` are one and the same database ({address})")]
    SameDatabase {
        shard: ShardName,
        other: ShardName,
        address: String,
    },
    #[error("{address} says it is shard `{says}`, but the project calls it `{shard}`")]
    AnotherName {
        shard: ShardName,
        says: ShardName,
        address: String,
    },
    #[error("{address} belongs to environment `{says}`, and this project is for `{expected}`")]
    AnotherEnvironment {
        shard: ShardName,
        says: String,
        expected: String,
        address: String,
    },
    #[error(
        "shard `{shard}` at {address} carries the identity of `{shard}`, last proven at {proven}: it may be a copy"
    )]
    Moved {
        shard: ShardName,
        address: String,
        proven: String,
    },
    #[error(
        "{address} accepts writes, but the primary of shard `{shard}` was promoted away from it to {present}, and it has not been seen to follow since"
    )]
    Deposed {
        shard: ShardName,
        address: String,
        present: String,
    },
    #[error("shard `{shard}` has two primaries: {address} and {other} both accept writes")]
    TwoPrimaries {
        shard: ShardName,
        address: String,
        other: String,
    },
    #[error("shard `{shard}` was known as {known}, but {address} carries another identity, {says}")]
    AnotherIdentity {
        shard: ShardName,
        known: uuid::Uuid,
        says: uuid::Uuid,
        address: String,
    },
    #[error(
        "the database of shard `{shard}` has tables and no identity: it is not claimed without being asked"
    )]
    Unclaimed { shard: ShardName, address: String },
    #[error(
        "shard `{shard}` was known as {known}, but the database at {address} carries no identity: it was recreated, or restored from before it had one"
    )]
    LostIdentity {
        shard: ShardName,
        known: uuid::Uuid,
        address: String,
    },
}

impl Refusal {
    /// How to mend it, as whole sentences.
    pub fn hint(&self) -> String {
        match self {
            Refusal::NotPrimary { shard, .. } => format!(
                "Set `primary` of `{shard}` to the server that accepts writes, and list this one under `replicas`."
            ),
            Refusal::ReadOnly { shard, .. } => format!(
                "Let the server of `{shard}` accept writes (default_transaction_read_only, read_only, the file's permissions), or point at another one."
            ),
            Refusal::SameDatabase { shard, other, .. } => {
                format!("Remove `{shard}` or `{other}` from the project, or correct its URL.")
            }
            Refusal::AnotherName { shard, says, .. } => format!(
                "If the URL is wrong, correct it. If the database is a copy of `{says}` that became `{shard}`, run `greylag fleet rebrand {shard} --reason …`."
            ),
            Refusal::AnotherEnvironment { shard, .. } => format!(
                "If the URL is wrong, correct it. If the database is a copy that now belongs here, run `greylag fleet rebrand {shard} --reason …`."
            ),
            Refusal::Moved { shard, .. } => format!(
                "If the shard moved there, run `greylag fleet accept {shard} --reason …`. If this is a copy, run `greylag fleet rebrand {shard} --reason …` or correct the URL."
            ),
            Refusal::Deposed { shard, present, .. } => format!(
                "If {present} is the primary, bring it back and build this one anew as its replica. If the shard went back here for good, run `greylag fleet accept {shard} --reason …`."
            ),
            Refusal::TwoPrimaries { shard, .. } => format!(
                "Find out which of the two has what was written last, stop the other one, build it anew as a replica, and name the first as `primary` of `{shard}`."
            ),
            Refusal::AnotherIdentity { shard, .. } => format!(
                "Correct the URL; or, if this database takes the place of the old one, run `greylag fleet accept {shard} --reason …`."
            ),
            Refusal::Unclaimed { .. } => {
                "Start with `greylag baseline`, or claim it with `greylag apply --claim N`, N being how many such databases you expect.".to_owned()
            }
            Refusal::LostIdentity { shard, .. } => format!(
                "Correct the URL; or, if the shard was recreated on purpose, run `greylag fleet accept {shard} --reason …`."
            ),
        }
    }
}
