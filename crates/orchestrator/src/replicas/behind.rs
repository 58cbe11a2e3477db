//! Subscriptions that have not been told of all that is published to them: asked for pages, not at each poll of a rollout.

use super::look::{Looked, ShardLook};
use crate::setup::Open;
use greylag_core::node::{
    Carried, Finding, NodeName, NodeRole, NodeSighting, Qualified, unsubscribed,
};
use greylag_engines::{Observer, Target};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A page doesn't wait longer for this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was found, by subscriber.
pub type Behind = BTreeMap<NodeName, Vec<Finding>>;

/// Compares what the shard's primary publishes with what its subscribers know. Whoever can't be asked is told as a node already.
pub async fn compare(open: &dyn Open, look: &ShardLook) -> Behind {
    let subscribers = look.nodes.iter().filter_map(|looked| {
        let seen = looked.seen.as_ref().ok()?;
        let is_one = looked.node.role == NodeRole::Subscriber && !seen.subscriptions.is_empty();
        is_one.then_some((looked, seen))
    });
    let subscribers: Vec<(&Looked, &NodeSighting)> = subscribers.collect();
    if subscribers.is_empty() || look.primary.seen.is_err() {
        return Behind::default();
    }
    let compared = compare_each(open, &look.primary.node.target, &subscribers);
    let compared = tokio::time::timeout(PATIENCE, compared).await;
    compared.ok().flatten().unwrap_or_default()
}

async fn compare_each(
    open: &dyn Open,
    publisher: &Target,
    subscribers: &[(&Looked, &NodeSighting)],
) -> Option<Behind> {
    let publications = subscribers.iter().flat_map(|(_, seen)| &seen.subscriptions);
    let publications: BTreeSet<String> = publications
        .flat_map(|subscription| subscription.publications.iter().cloned())
        .collect();
    let publications: Vec<String> = publications.into_iter().collect();
    let mut here = watch(open, publisher).await?;
    let published = here.carried(&publications).await;
    here.close().await;
    let published: Vec<Carried> = published.ok()?;
    let tables: BTreeSet<Qualified> = published.iter().map(|(_, table)| table.clone()).collect();
    let tables: Vec<Qualified> = tables.into_iter().collect();
    let history = &*publisher.history_table;
    let own = |(_, name): &Qualified| name == history || name.starts_with("greylag_");
    let mut behind = Behind::default();
    for (looked, seen) in subscribers {
        let Some(mut there) = watch(open, &looked.node.target).await else {
            continue;
        };
        let taken = there.taken(&tables).await;
        there.close().await;
        if let Ok(taken) = taken {
            let found = unsubscribed(&seen.subscriptions, &published, &taken, own);
            behind.insert(looked.node.node.clone(), found);
        }
    }
    Some(behind)
}

async fn watch(open: &dyn Open, target: &Target) -> Option<Box<dyn Observer>> {
    let mut target = target.clone();
    target.application = "greylag/watch".into();
    open.observe(&target).await.ok().flatten()
}
