//! What of a shard's work one of its subscribers takes: read on both servers before either is touched.
//!
//! What is published is asked of the publisher, what has been run there of the subscriber. What each statement means for it is
//! `greylag_lint::share`'s to say.

use super::{
    errand::{Errand, untouched},
    explain::{failure_of, failure_of_verb},
};
use crate::replicas::NamedNode;
use greylag_core::{
    history::HistoryRow,
    migration::MigrationId,
    node::{Intake, NodeSighting, Published, Qualified},
    outcome::{Failure, FailureClass},
};
use greylag_engines::{Job, Observer, Target};
use greylag_lint::share::{Share, Sharer};
use std::{collections::BTreeMap, sync::Arc};

/// Each file's share, of those that run on the subscriber.
pub type Shares = Arc<BTreeMap<MigrationId, Share>>;

/// What a subscriber takes of an errand's work.
pub struct Portion {
    pub shares: Shares,
    /// In order.
    pub work: Arc<[MigrationId]>,
    /// Files of which it takes nothing or not all, and why.
    pub left: Vec<(MigrationId, Vec<String>)>,
    /// Published tables that the work makes: their rows come once the subscription is refreshed.
    pub made: Vec<Qualified>,
    /// Its subscriptions, by name.
    pub subscriptions: Vec<String>,
}

/// Reads and judges. A doubt is a failure that touched nothing.
pub async fn portion_of(errand: &Errand, node: &NamedNode) -> Result<Portion, Failure> {
    let mut there = watch(errand, &node.target).await?;
    let read = read_subscriber(&mut *there).await;
    there.close().await;
    let (seen, history) = read?;
    let publications: Vec<String> = (seen.subscriptions.iter())
        .flat_map(|subscription| subscription.publications.clone())
        .collect();
    let mut here = watch(errand, &errand.shard.target).await?;
    let published = here.publishes(&publications).await;
    here.close().await;
    let published = published
        .map_err(|error| failure_of_verb(&error))?
        .unwrap_or_default();
    if seen.subscriptions.is_empty() {
        return Err(refused(
            format!("{} has no subscription", node.node),
            "Create it, or take the node out of `replicas`.",
        ));
    }
    if let Some(missing) = published.missing.first() {
        return Err(refused(
            format!(
                "{} subscribes to the publication `{missing}`, and {} has none of that name",
                node.node, errand.shard.shard.name
            ),
            "Create the publication, or drop it from the subscription: what is published decides what runs there.",
        ));
    }
    let subscriptions = seen.subscriptions.into_iter().map(|found| found.name);
    judge(errand, node, &published, &history, subscriptions.collect())
}

/// The statements of a job that the subscriber takes.
pub fn trim(errand: &Errand, job: Job) -> Result<Job, Failure> {
    let Some(share) = errand.shares.as_ref().and_then(|all| all.get(&job.migration)) else {
        return Ok(job);
    };
    if (0..job.script.statements.len()).all(|at| share.keeps(at)) {
        return Ok(job);
    }
    let script = Arc::new(job.script.keeping(|at| share.keeps(at)));
    let mode = match errand.scripts.get(&job.migration) {
        Some(file) => script
            .run_mode(file, errand.shard.shard.engine.facts())
            .map_err(|why| refused(why.to_string(), why.hint()))?,
        None => job.mode,
    };
    Ok(Job {
        script,
        mode,
        ..job
    })
}

async fn watch(errand: &Errand, target: &Target) -> Result<Box<dyn Observer>, Failure> {
    let mut target = target.clone();
    target.application = "greylag/subscriber".into();
    let opened = errand.open.observe(&target).await;
    opened.map_err(|error| failure_of(&error))?.ok_or_else(|| {
        let engine = target.engine.title();
        refused(
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

fn judge(
    errand: &Errand,
    node: &NamedNode,
    published: &Published,
    history: &[HistoryRow],
    subscriptions: Vec<String>,
) -> Result<Portion, Failure> {
    let has = errand.scripts.read(history, &errand.shard)?;
    let mut sharer = Sharer::new(published, node.intake);
    let mut shares = BTreeMap::new();
    let mut portion = Portion {
        shares: Shares::default(),
        work: Arc::from([]),
        left: Vec::new(),
        made: Vec::new(),
        subscriptions,
    };
    let mut work = Vec::new();
    for id in errand.work.iter() {
        let job = errand.scripts.job(
            id,
            &errand.shard,
            &errand.rollout,
            errand.epoch,
            errand.limits.lock_timeout,
        )?;
        let said = errand
            .scripts
            .get(id)
            .and_then(|file| file.directives.subscribers);
        let share = sharer.share(&job.script, errand.phase, said);
        if has.applied.contains(id) {
            work.push(id.clone());
            continue;
        }
        if let Some((at, why)) = share.doubt() {
            let script = &job.script_name;
            return Err(Failure {
                migration: Some(id.clone()),
                place: job.script.place(script, at),
                ..refused(
                    format!(
                        "whether this runs on subscriber {} can't be told: {why}",
                        node.node
                    ),
                    &way_out(node.intake),
                )
            });
        }
        let left = share.left();
        if !left.is_empty() {
            let left = left.into_iter().map(str::to_owned).collect();
            portion.left.push((id.clone(), left));
        }
        if share.runs() {
            portion.made.extend(share.made.iter().cloned());
            work.push(id.clone());
            shares.insert(id.clone(), share);
        }
    }
    portion.work = work.into();
    portion.shares = Arc::new(shares);
    Ok(portion)
}

fn way_out(intake: Intake) -> String {
    let all = match intake {
        Intake::All => "",
        Intake::Published | Intake::Nothing => {
            " `migrations = \"all\"` at the subscriber runs there what can't be judged."
        }
    };
    format!(
        "Write `-- greylag:subscribers run` at the top of the file (all of it runs there) or `-- greylag:subscribers skip` (nothing of it), or give the statement a file of its own.{all}"
    )
}

fn refused(message: String, hint: &str) -> Failure {
    untouched(FailureClass::Refused, message, Some(hint.to_owned()))
}
