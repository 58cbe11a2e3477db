//! What a publisher and its subscriber say of themselves.

use crate::{
    executor::{failure_of, failure_of_verb, refusal},
    setup::Open,
};
use greylag_core::{
    fleet::ShardName,
    history::HistoryRow,
    node::{NodeSighting, Published},
    outcome::Failure,
};
use greylag_engines::{Observer, Target};

/// What both servers say.
pub struct Said {
    pub subscriber: NodeSighting,
    /// The subscriber's own.
    pub history: Vec<HistoryRow>,
    pub published: Published,
}

impl Said {
    /// Whether the publisher's rows of Greylag's own tables come to the subscriber: it must have those tables, too.
    pub fn carries_own(&self, publisher: &Target) -> bool {
        let table = &publisher.history_table;
        let schema = publisher.schema.as_deref();
        self.published
            .carries(&self.published.resolve(schema, table))
    }
}

/// Asks the publisher what it publishes to the subscriber, and the subscriber what it has.
pub async fn ask_both(
    open: &dyn Open,
    publisher: &Target,
    subscriber: &Target,
) -> Result<Said, Failure> {
    let mut there = watch(open, subscriber).await?;
    let read = read_subscriber(&mut *there).await;
    there.close().await;
    let (seen, history) = read?;
    let publications: Vec<String> = (seen.subscriptions.iter())
        .flat_map(|subscription| subscription.publications.clone())
        .collect();
    let mut here = watch(open, publisher).await?;
    let published = here.publishes(&publications).await;
    here.close().await;
    Ok(Said {
        subscriber: seen,
        history,
        published: published
            .map_err(|error| failure_of_verb(&error))?
            .unwrap_or_default(),
    })
}

/// Whether the one gets anything from the other at all.
pub fn check_said(said: &Said, publisher: &ShardName) -> Result<(), Failure> {
    if said.subscriber.subscriptions.is_empty() {
        return Err(refusal(
            "it has no subscription".into(),
            "Create it, or take the node out of `replicas`.",
        ));
    }
    match said.published.missing.first() {
        None => Ok(()),
        Some(missing) => Err(refusal(
            format!(
                "it subscribes to the publication `{missing}`, and {publisher} has none of that name"
            ),
            "Create the publication, or drop it from the subscription: what is published decides what runs there.",
        )),
    }
}

async fn watch(open: &dyn Open, target: &Target) -> Result<Box<dyn Observer>, Failure> {
    let mut target = target.clone();
    target.application = "greylag/subscriber".into();
    let opened = open.observe(&target).await;
    opened.map_err(|error| failure_of(&error))?.ok_or_else(|| {
        let engine = target.engine.title();
        refusal(
            format!("{engine} has no logical subscribers"),
            "Write `role = \"replica\"`, or take the node out of `replicas`.",
        )
    })
}

async fn read_subscriber(
    observer: &mut dyn Observer,
) -> Result<(NodeSighting, Vec<HistoryRow>), Failure> {
    let fail = |error| failure_of_verb(&error);
    let seen = observer.observe().await.map_err(fail)?;
    let history = observer.history().await.map_err(fail)?;
    Ok((seen, history))
}
