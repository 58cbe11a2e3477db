//! Logical subscribers get rows by replication and DDL from nobody: the migrations themselves are run there.
//!
//! What expands runs on a subscriber before its publisher, so that no row comes with a column it doesn't have; what contracts
//! runs there afterwards, so that no row lacks a column it still needs.

use super::{
    carry::carry_out,
    errand::{Errand, untouched},
    explain::chain,
};
use crate::replicas::NamedNode;
use greylag_core::{
    migration::Phase,
    outcome::{Failure, FailureClass, Outcome},
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
    check_publication(errand).await?;
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
    there.uuid = None;
    there.known = None;
    there.anchor = None;
    there.claims = true;
    there.replicated = false;
    there.standbys = Arc::from([]);
    there.subscribers = Arc::from([]);
    there.reports = errand.reports.quiet();
    there
}

/// Our own tables are each database's own: replicated, the publisher's rows would meet the subscriber's and stop its apply worker.
async fn check_publication(errand: &Errand) -> Result<(), Outcome> {
    let refuse = |message: String, hint: Option<String>| {
        Err(Outcome::Failed {
            failure: untouched(FailureClass::Refused, message, hint),
        })
    };
    let mut target = errand.shard.target.clone();
    target.application = "greylag/preflight".into();
    let published = match errand.open.observe(&target).await {
        Ok(Some(mut observer)) => {
            let published = observer.published().await;
            observer.close().await;
            published.map_err(|why| chain(&why))
        }
        Ok(None) => Ok(None),
        Err(why) => Err(chain(&why)),
    };
    let published = match published {
        Ok(published) => published.unwrap_or_default(),
        Err(why) => {
            return refuse(format!("what is published can't be read: {why}"), None);
        }
    };
    let ours = published.iter().find(|table| {
        let name = table.rsplit_once('.').map_or(&***table, |(_, name)| name);
        name == &*target.history_table || name.starts_with("greylag_")
    });
    match ours {
        None => Ok(()),
        Some(table) => refuse(
            format!("the publication holds `{table}`, which each database keeps for itself: its rows would stop the subscriber"),
            Some("Publish the application's tables by name or by schema rather than FOR ALL TABLES, or keep greylag's tables in a schema that is not published.".into()),
        ),
    }
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
