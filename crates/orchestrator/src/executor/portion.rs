//! What of a shard's work one of its subscribers takes: read on both servers before either is touched.

use super::errand::{Errand, refusal};
use crate::{
    replicas::NamedNode,
    subscribing::{ask_both, check_said, judge},
};
use greylag_core::{migration::MigrationId, node::Qualified, outcome::Failure};
use greylag_engines::Job;
use greylag_lint::share::Share;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Each file's share, of those that run on the subscriber.
pub type Shares = Arc<BTreeMap<MigrationId, Share>>;

/// What a subscriber takes of an errand's work.
pub struct Portion {
    pub shares: Shares,
    /// In order; what it has already, too, so that it is held against the files again.
    pub work: Vec<MigrationId>,
    /// Files that bring rows once the publisher has run them.
    pub brings: BTreeSet<MigrationId>,
    /// Files of which it takes nothing or not all, and why.
    pub left: Vec<(MigrationId, Vec<String>)>,
    /// Published tables that the work makes: their rows come once the subscription is refreshed.
    pub made: Vec<Qualified>,
    /// Its subscriptions, by name.
    pub subscriptions: Vec<String>,
    /// The publisher's rows of Greylag's tables come there.
    pub carries_own: bool,
}

impl Portion {
    /// Whether the file is still to run there.
    pub fn takes(&self, id: &MigrationId) -> bool {
        self.shares.contains_key(id)
    }
}

/// Reads and judges. A doubt is a failure that touched nothing.
pub async fn portion_of(errand: &Errand, node: &NamedNode) -> Result<Portion, Failure> {
    let publisher = &errand.shard.target;
    let said = ask_both(&*errand.open, publisher, &node.target).await?;
    check_said(&said, &errand.shard.shard.name)?;
    let mut shares = BTreeMap::new();
    let mut portion = Portion {
        shares: Shares::default(),
        work: Vec::new(),
        brings: BTreeSet::new(),
        left: Vec::new(),
        made: Vec::new(),
        subscriptions: (said.subscriber.subscriptions.iter())
            .map(|found| found.name.clone())
            .collect(),
        carries_own: said.carries_own(publisher),
    };
    let work = errand.work.iter().map(|id| (id.clone(), errand.phase));
    let has = errand.scripts.read(&said.history, &errand.shard)?;
    let judged = judge(
        &errand.scripts,
        &errand.shard,
        work,
        node.intake,
        &said.published,
        &has,
    )?;
    for judged in judged {
        let left = judged.left(node.intake);
        if !left.is_empty() {
            portion.left.push((judged.id.clone(), left));
        }
        if judged.share.brings {
            portion.brings.insert(judged.id.clone());
        }
        if judged.is_there {
            portion.work.push(judged.id);
        } else if let Some(refused) = judged.refused {
            return Err(refused);
        } else if judged.is_to_run() {
            portion.made.extend(judged.share.made.iter().cloned());
            portion.work.push(judged.id.clone());
            shares.insert(judged.id, judged.share);
        }
    }
    portion.shares = Arc::new(shares);
    Ok(portion)
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
            .map_err(|why| refusal(why.to_string(), why.hint()))?,
        None => job.mode,
    };
    Ok(Job {
        script,
        mode,
        ..job
    })
}
