//! One shard at a time under its lock: looked at, judged, changed, let go.

use super::report::{OperationReport, ShardReport, ShardResult};
use crate::{
    executor::{failure_of, failure_of_verb, part, reach, seize},
    fleet::FleetShard,
    setup::Setup,
    watch::{Notice, Watcher},
};
use futures::{StreamExt, stream};
use greylag_core::{fleet::ShardName, outcome::Failure, survey::Survey};
use greylag_engines::Session;
use std::{collections::BTreeSet, future::Future, pin::Pin, sync::Arc};

/// What an operation does on one held shard.
pub type Deed = Arc<
    dyn for<'a> Fn(
            &'a mut dyn Session,
            &'a FleetShard,
            Survey,
        )
            -> Pin<Box<dyn Future<Output = Result<ShardResult, Failure>> + Send + 'a>>
        + Send
        + Sync,
>;

/// Whether the deed writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It does, under the shard's lock.
    Lock,
    /// It only looks: nothing is locked, and nothing made.
    Nothing,
}

/// Does the deed on each shard of the fleet (or of `only`), a few at a time.
pub async fn each(
    setup: &Setup,
    only: Option<&BTreeSet<ShardName>>,
    watcher: &dyn Watcher,
    verb: &str,
    hold: Hold,
    deed: Deed,
) -> OperationReport {
    let wanted = setup.fleet.wanted(only);
    let total = wanted.len();
    let (wanted, deed) = (&wanted, &deed);
    let mut running = stream::iter(0..total)
        .map(|at| async move {
            match setup.seeker().locate(setup, wanted[at]).await {
                Ok(shard) => one(setup, &shard, verb, hold, deed).await,
                Err(refusal) => ShardReport {
                    shard: wanted[at].shard.name.clone(),
                    result: ShardResult::Refused {
                        refusals: vec![refusal],
                    },
                },
            }
        })
        .buffered(setup.policy.max_in_flight.max(1) as usize);
    let mut shards = Vec::with_capacity(total);
    while let Some(report) = running.next().await {
        let report: ShardReport = report;
        watcher.notice(&Notice::Surveyed {
            done: shards.len() + 1,
            total,
            shard: report.shard.clone(),
            unreachable: None,
        });
        shards.push(report);
    }
    OperationReport { shards }
}

/// Does the deed on one shard.
pub async fn one(
    setup: &Setup,
    shard: &FleetShard,
    verb: &str,
    hold: Hold,
    deed: &Deed,
) -> ShardReport {
    let mut named = shard.clone();
    named.target.application = format!("greylag/{verb}/{}", shard.shard.name).into();
    let session = match hold {
        Hold::Lock => seize(setup, &named).await,
        Hold::Nothing => {
            let reached = reach(
                &*setup.open,
                &named.target,
                setup.policy.retry,
                None,
                || false,
            );
            reached.await.map_err(|error| failure_of(&error))
        }
    };
    let result = match session {
        Ok(mut session) => {
            let done = held(&mut *session, &named, deed).await;
            match hold {
                Hold::Lock => part(session).await,
                Hold::Nothing => session.close().await,
            }
            done
        }
        Err(failure) => Err(failure),
    };
    ShardReport {
        shard: shard.shard.name.clone(),
        result: result.unwrap_or_else(|failure| ShardResult::Failed { failure }),
    }
}

async fn held(
    session: &mut dyn Session,
    shard: &FleetShard,
    deed: &Deed,
) -> Result<ShardResult, Failure> {
    let survey = session
        .survey()
        .await
        .map_err(|error| failure_of_verb(&error))?;
    deed(session, shard, survey).await
}
