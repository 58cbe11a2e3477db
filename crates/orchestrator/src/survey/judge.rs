//! From surveys to refusals: each shard by itself, then all together with what is known from before.

use super::Sighting;
use crate::journal::KnownShard;
use greylag_core::{fleet::ShardName, identity::Refusal, survey::Survey};
use std::collections::HashMap;
use uuid::Uuid;

/// What one shard's survey alone allows to say; `uuid` is the identity that is expected, where one is.
pub fn judge_alone(
    survey: &Survey,
    project: &str,
    environment: &str,
    uuid: Option<Uuid>,
) -> Option<Refusal> {
    let _ = (survey, project, environment, uuid);
    todo!()
}
