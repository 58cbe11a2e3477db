//! Looks at every shard's primary and nodes.

use super::fold::{Appraised, Gathered, Unlooked, fold};
use crate::{
    executor::chain,
    fleet::FleetShard,
    replicas::{Named, NamedNode, look_at_shard},
    setup::Setup,
    watch::{Notice, Watcher},
};
use futures::{StreamExt, future::join_all, stream};
use greylag_core::{fleet::ShardName, node::NodeRole};
use greylag_engines::{Appraisal, Target};
use std::{collections::BTreeSet, time::Duration};

/// A look that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks at the fleet (or those of `only`), never at more shards at a time than may be in flight.
pub async fn gather(
    setup: &Setup,
    only: Option<&BTreeSet<ShardName>>,
    watcher: &dyn Watcher,
) -> Gathered {
    let wanted = setup.fleet.wanted(only);
    let (total, wanted) = (wanted.len(), &wanted);
    let mut looks = stream::iter(0..total)
        .map(|at| async move { (at, look(setup, wanted[at]).await) })
        .buffer_unordered(setup.policy.max_in_flight.max(1) as usize);
    let mut found: Vec<(usize, Look)> = Vec::with_capacity(total);
    while let Some((at, look)) = looks.next().await {
        let primary = look.unlooked.iter().find(|one| one.node.is_none());
        watcher.notice(&Notice::Surveyed {
            done: found.len() + 1,
            total,
            shard: wanted[at].shard.name.clone(),
            unreachable: primary.map(|one| one.why.clone()),
        });
        found.push((at, look));
    }
    // In the fleet's order, so that equal looks read alike.
    found.sort_by_key(|(at, _)| *at);
    let (mut appraised, mut unlooked) = (Vec::new(), Vec::new());
    for (_, look) in found {
        appraised.extend(look.appraised);
        unlooked.extend(look.unlooked);
    }
    fold(&appraised, unlooked)
}

#[derive(Default)]
struct Look {
    appraised: Vec<Appraised>,
    unlooked: Vec<Unlooked>,
}

async fn look(setup: &Setup, shard: &FleetShard) -> Look {
    let mut look = Look::default();
    // Sizes are those of the shard wherever they are read: whoever begins a rollout says what it is refused for.
    let located = setup.seeker().locate(setup, shard).await;
    let shard = &located.unwrap_or_else(|_| shard.clone());
    let name = &shard.shard.name;
    take(&mut look, setup, name, None, &shard.target).await;
    let nodes = match setup.replication.of_shard(name) {
        None => return look,
        Some(Named::Listed(list)) => list.clone(),
        Some(named @ Named::Auto) => {
            let seen = look_at_shard(setup, &shard.target, named).await;
            for lost in seen.unmapped {
                look.unlooked.push(Unlooked {
                    shard: name.clone(),
                    node: Some(lost.node.node.to_string()),
                    why: lost.why,
                });
            }
            seen.nodes.into_iter().map(|looked| looked.node).collect()
        }
    };
    // A subscriber is a database of its own, and is not what readers of this one meet.
    let replicas: Vec<NamedNode> = nodes
        .into_iter()
        .filter(|node| node.role == NodeRole::Replica)
        .collect();
    let looks = replicas.iter().map(|node| async {
        let mut one = Look::default();
        let place = node.node.node.to_string();
        take(&mut one, setup, name, Some(place), &node.target).await;
        one
    });
    for one in join_all(looks).await {
        look.appraised.extend(one.appraised);
        look.unlooked.extend(one.unlooked);
    }
    look
}

async fn take(
    look: &mut Look,
    setup: &Setup,
    shard: &ShardName,
    node: Option<String>,
    target: &Target,
) {
    let mut target = target.clone();
    target.application = "greylag/lint".into();
    match appraise(setup, &target).await {
        Ok(appraisal) => look.appraised.push(Appraised {
            shard: shard.clone(),
            node,
            engine: target.engine,
            appraisal,
        }),
        Err(why) => look.unlooked.push(Unlooked {
            shard: shard.clone(),
            node,
            why,
        }),
    }
}

async fn appraise(setup: &Setup, target: &Target) -> Result<Appraisal, String> {
    match tokio::time::timeout(PATIENCE, setup.open.appraise(target)).await {
        Ok(Ok(appraisal)) => Ok(appraisal),
        Ok(Err(error)) => Err(chain(&error)),
        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
    }
}
