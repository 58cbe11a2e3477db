//! Who a shard is: proof that a node is the writable primary the plan means.
//!
//! Pure judgement over surveys; knows no connection.

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
}
