//! Writes down who has what done to a shard, and why, before it is done.

use super::report::ShardResult;
use crate::{
    executor::{failure_of_verb, untouched},
    journal::{Act, Journal, Scope},
    setup::Setup,
};
use greylag_core::{
    fleet::ShardName,
    outcome::{Failure, FailureClass},
};
use greylag_engines::EngineError;
use jiff::Timestamp;
use std::sync::Arc;

/// One person's word, for all the shards it is about.
#[derive(Clone)]
pub struct Notes {
    journal: Arc<dyn Journal>,
    scope: Scope,
    by: String,
    verb: &'static str,
    reason: String,
}

impl Notes {
    pub fn new(setup: &Setup, verb: &'static str, reason: &str) -> Self {
        Self {
            journal: setup.journal.clone(),
            scope: setup.scope(),
            by: setup.by.clone(),
            verb,
            reason: reason.to_owned(),
        }
    }

    /// What can't be written down is not done.
    pub async fn write(&self, shard: &ShardName, what: &[String]) -> Result<(), Failure> {
        let act = Act {
            id: uuid::Uuid::new_v4(),
            at: Timestamp::now(),
            by: self.by.clone(),
            verb: self.verb.to_owned(),
            shard: shard.clone(),
            what: what.to_vec(),
            reason: self.reason.clone(),
        };
        let noted = self.journal.note(&self.scope, &act).await;
        noted.map_err(|why| {
            untouched(
                FailureClass::Other,
                format!("nothing was changed, as it can't be written down: {why}"),
                Some("Mend the state store, and try again.".into()),
            )
        })
    }

    /// The change's own result; one that failed is written down beside what was to be done.
    pub async fn conclude<T>(
        &self,
        shard: &ShardName,
        what: Vec<String>,
        done: Result<T, EngineError>,
    ) -> Result<ShardResult, Failure> {
        let Err(error) = done else {
            return Ok(ShardResult::Changed { what });
        };
        let failure = failure_of_verb(&error);
        let text = format!("it could not be done: {}", failure.message);
        // The failure itself is told, whether or not it can be kept.
        let _ = self.write(shard, &[text]).await;
        Err(failure)
    }
}
