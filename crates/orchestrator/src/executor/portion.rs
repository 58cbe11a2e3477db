//! What of a shard's work one of its subscribers takes: read on both servers before either is touched.
//!
//! What is published is asked of the publisher, what has been run there of the subscriber. What each statement means for it is
//! `greylag_lint::share`'s to say.

use super::{
    errand::{Errand, untouched},
    explain::{failure_of, failure_of_verb},
};
use crate::{replicas::NamedNode, setup::Open};
use greylag_core::{
    history::HistoryRow,
    migration::{MigrationId, OnSubscribers},
    node::{Intake, NodeSighting, Published, Qualified},
    outcome::{Failure, FailureClass},
};
use greylag_engines::{Job, Observer, Target};
use greylag_lint::share::{Share, Sharer, Take};
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
    /// The publisher's rows of Greylag's tables come there.
    pub carries_own: bool,
}

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

/// Reads and judges. A doubt is a failure that touched nothing.
pub async fn portion_of(errand: &Errand, node: &NamedNode) -> Result<Portion, Failure> {
    let publisher = &errand.shard.target;
    let said = ask_both(&*errand.open, publisher, &node.target).await?;
    if said.subscriber.subscriptions.is_empty() {
        return Err(refused(
            "it has no subscription".into(),
            "Create it, or take the node out of `replicas`.",
        ));
    }
    if let Some(missing) = said.published.missing.first() {
        return Err(refused(
            format!(
                "it subscribes to the publication `{missing}`, and {} has none of that name",
                errand.shard.shard.name
            ),
            "Create the publication, or drop it from the subscription: what is published decides what runs there.",
        ));
    }
    judge(errand, node, &said)
}

/// The statements of a job that the subscriber takes.
pub fn trim(errand: &Errand, job: Job) -> Result<Job, Failure> {
    let Some(share) = errand
        .shares
        .as_ref()
        .and_then(|all| all.get(&job.migration))
    else {
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

async fn watch(open: &dyn Open, target: &Target) -> Result<Box<dyn Observer>, Failure> {
    let mut target = target.clone();
    target.application = "greylag/subscriber".into();
    let opened = open.observe(&target).await;
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

fn judge(errand: &Errand, node: &NamedNode, said: &Said) -> Result<Portion, Failure> {
    let has = errand.scripts.read(&said.history, &errand.shard)?;
    let mut sharer = Sharer::new(&said.published, node.intake);
    let mut shares = BTreeMap::new();
    let mut portion = Portion {
        shares: Shares::default(),
        work: Arc::from([]),
        left: Vec::new(),
        made: Vec::new(),
        subscriptions: (said.subscriber.subscriptions.iter())
            .map(|found| found.name.clone())
            .collect(),
        carries_own: said.carries_own(&errand.shard.target),
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
        let said = match node.intake {
            Intake::Nothing => Some(OnSubscribers::Skip),
            Intake::Published | Intake::All => said,
        };
        let share = sharer.share(&job.script, errand.phase, said);
        if has.applied.contains(id) {
            work.push(id.clone());
            continue;
        }
        if let Some((at, obstacle)) = share.obstacle() {
            return Err(Failure {
                migration: Some(id.clone()),
                place: job.script.place(&job.script_name, at),
                ..stand_in_the_way(obstacle, node.intake)
            });
        }
        let left = share.left();
        if !left.is_empty() && node.intake != Intake::Nothing {
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

fn stand_in_the_way(obstacle: &Take, intake: Intake) -> Failure {
    const SAY: &str = "Write `-- greylag:subscribers run` at the top of the file (all of it runs there) or `-- greylag:subscribers skip` (nothing of it)";
    match obstacle {
        Take::Stops(why) => refused(
            format!("it would stop apply there: {why}"),
            "Expand and contract instead (add, fill, read the new one, then drop in a file of phase contract); or write `-- greylag:subscribers skip` at the top of the file and change the subscriber by hand while nothing is written.",
        ),
        Take::Doubt(why) => {
            let all = match intake {
                Intake::All => "",
                Intake::Published | Intake::Nothing => {
                    " `migrations = \"all\"` at the subscriber runs there what can't be judged."
                }
            };
            refused(
                format!("whether the statement runs there can't be told: {why}"),
                &format!("{SAY}, or give the statement a file of its own.{all}"),
            )
        }
        Take::Run | Take::Along | Take::Leave(_) => refused("it is in doubt".into(), SAY),
    }
}

fn refused(message: String, hint: &str) -> Failure {
    untouched(FailureClass::Refused, message, Some(hint.to_owned()))
}
