//! Connects everywhere and says what stands in the way: privileges, poolers, settings.

use crate::{
    executor::{chain, hint_of, reach},
    fleet::FleetShard,
    setup::Setup,
    watch::{Notice, Watcher},
};
use futures::{StreamExt, stream};
use greylag_core::fleet::ShardName;
use greylag_engines::{Diagnosis, Level};
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct ShardDiagnosis {
    pub shard: ShardName,
    pub address: String,
    /// A shard that can't be reached has one of level `problem`.
    pub lines: Vec<Diagnosis>,
}

/// One entry per shard, in the fleet's order.
pub async fn diagnose_fleet(setup: &Setup, watcher: &dyn Watcher) -> Vec<ShardDiagnosis> {
    let total = setup.fleet.shards.len();
    let mut looks = stream::iter(0..total)
        .map(|at| async move { (at, diagnose(setup, &setup.fleet.shards[at]).await) })
        .buffer_unordered(setup.policy.max_in_flight.max(1) as usize);
    let mut found: Vec<(usize, ShardDiagnosis)> = Vec::with_capacity(total);
    while let Some((at, diagnosis)) = looks.next().await {
        watcher.notice(&Notice::Surveyed {
            done: found.len() + 1,
            total,
            shard: diagnosis.shard.clone(),
            unreachable: None,
        });
        found.push((at, diagnosis));
    }
    found.sort_by_key(|(at, _)| *at);
    found.into_iter().map(|(_, diagnosis)| diagnosis).collect()
}

async fn diagnose(setup: &Setup, shard: &FleetShard) -> ShardDiagnosis {
    let mut target = shard.target.clone();
    target.application = "greylag/doctor".into();
    let lines = match reach(&*setup.open, &target, setup.policy.retry, None, || false).await {
        Ok(mut session) => {
            let lines = session.diagnose().await;
            session.close().await;
            lines.unwrap_or_else(|error| vec![problem(chain(&error), None)])
        }
        Err(error) => vec![problem(chain(&error), hint_of(&error))],
    };
    ShardDiagnosis {
        shard: shard.shard.name.clone(),
        address: shard.target.address(),
        lines,
    }
}

fn problem(what: String, mend: Option<String>) -> Diagnosis {
    Diagnosis {
        level: Level::Problem,
        what,
        mend,
    }
}
