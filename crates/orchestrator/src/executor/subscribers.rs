//! Logical subscribers get rows by replication and DDL from nobody: the migrations themselves are run there.
//!
//! What expands runs on a subscriber before its publisher, so that no row comes with a column it doesn't have; what contracts
//! runs there afterwards, so that no row lacks a column it still needs.

use super::{carry::carry_out, errand::Errand};
use crate::replicas::NamedNode;
use greylag_core::{
    fleet::ShardName,
    migration::Phase,
    outcome::{Failure, Outcome},
};
use std::sync::Arc;

/// When the subscribers of a shard get the files of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Before,
    After,
    /// Rows come by replication.
    Never,
}

/// Which comes first.
pub fn turn_of(phase: Phase) -> Turn {
    match phase {
        Phase::Expand => Turn::Before,
        Phase::Contract => Turn::After,
        Phase::Backfill => Turn::Never,
    }
}

/// Runs the errand's work on its subscribers; says what stands in the way, if anything does.
pub async fn migrate(errand: &Errand) -> Result<(), Outcome> {
    if errand.subscribers.is_empty() {
        return Ok(());
    }
    for node in errand.subscribers.iter() {
        let outcome = Box::pin(carry_out(&errand_of(errand, node))).await;
        match outcome {
            Outcome::Applied => {}
            Outcome::Failed { failure } => {
                return Err(Outcome::Failed {
                    failure: Failure {
                        message: format!("on subscriber {}: {}", node.node, failure.message),
                        ..failure
                    },
                });
            }
            other => return Err(other),
        }
    }
    Ok(())
}

/// The same work, there: under the subscriber's own lock, with its own history.
fn errand_of(errand: &Errand, node: &NamedNode) -> Errand {
    let mut there = errand.clone();
    let application = there.shard.target.application.clone();
    there.shard.target = node.target.clone();
    there.shard.target.application = application;
    // It is somebody of its own: its identity must not pass for the publisher's.
    if let Ok(name) = format!("{}.{}", node.node.shard, node.node.node).parse::<ShardName>() {
        there.shard.target.shard = name.clone();
        there.shard.shard.name = name;
    }
    there.uuid = None;
    there.had = Arc::from([]);
    there.seeker = None;
    there.beside = Arc::from([]);
    there.known = None;
    there.anchor = None;
    there.subscribes = true;
    there.replicated = false;
    there.standbys = Arc::from([]);
    there.subscribers = Arc::from([]);
    there.reports = errand.reports.quiet();
    there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_expands_goes_to_subscribers_first_and_what_contracts_last() {
        assert_eq!(turn_of(Phase::Expand), Turn::Before);
        assert_eq!(turn_of(Phase::Contract), Turn::After);
        assert_eq!(turn_of(Phase::Backfill), Turn::Never);
    }
}
