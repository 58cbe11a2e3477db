//! Logical subscribers get rows by replication and DDL from nobody: the migrations themselves are run there.
//!
//! What expands runs on a subscriber before its publisher, file by file, so that no row comes with a column it doesn't have, and
//! what needs rows of an earlier file finds them; what contracts runs there afterwards, once the last row with the old column has
//! been applied.

use super::{
    carry::carry_out,
    claim::{claim_held, part, seize},
    errand::{Errand, untouched},
    explain::{chain, failure_of_verb},
    portion::{Portion, portion_of},
    standbys::Standbys,
};
use crate::{
    fleet::FleetShard,
    replicas::{Named, NamedNode},
    setup::Setup,
    subscribing::ask_both,
};
use greylag_core::{
    fleet::ShardName,
    gate::WaitReason,
    migration::MigrationId,
    node::{NodePolicy, NodeRole, NodeSighting, confirmed, refresh},
    outcome::{Doubt, Failure, FailureClass, Outcome},
    position::{Position, Reach},
};
use greylag_engines::Observer;
use jiff::Timestamp;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How often a subscriber that is waited for is asked again.
const AGAIN: Duration = Duration::from_millis(100);

/// A subscriber, and what it takes of the errand's work.
pub struct Follower {
    node: NamedNode,
    portion: Portion,
    /// Rows that it may need are still under way to it.
    awaits: bool,
}

impl Follower {
    pub fn takes(&self, id: &MigrationId) -> bool {
        self.portion.takes(id)
    }
}

/// Judges what each subscriber takes; says what stands in the way, if anything does. Nothing is touched before all are judged.
pub async fn followers(errand: &Errand) -> Result<Vec<Follower>, Outcome> {
    let mut followers = Vec::new();
    for node in errand.subscribers.iter() {
        let portion = portion_of(errand, node).await;
        followers.push(Follower {
            portion: portion.map_err(|failure| on(node, failure))?,
            node: node.clone(),
            awaits: false,
        });
    }
    Ok(followers)
}

/// Runs on each subscriber what it takes of these files, once it has the rows that they may need.
pub async fn lead(
    errand: &Errand,
    followers: &mut [Follower],
    files: &[MigrationId],
) -> Result<(), Outcome> {
    for follower in followers {
        let Follower { node, portion, .. } = follower;
        let work = within(portion, files);
        if work.iter().any(|id| portion.takes(id)) && follower.awaits {
            wait_until_applied(errand, node, BEHIND).await?;
            follower.awaits = false;
        }
        run_there(errand, node, portion, work).await?;
        follower.awaits |= files.iter().any(|id| portion.brings.contains(id));
    }
    Ok(())
}

/// Runs on each subscriber what it takes of the work, once it has applied all that was written before the publisher's.
pub async fn trail(errand: &Errand) -> Result<(), Outcome> {
    let followers = followers(errand).await?;
    tell_left(errand, &followers);
    for Follower { node, portion, .. } in &followers {
        if !portion.work.is_empty() {
            wait_until_applied(errand, node, OLD_ROWS).await?;
        }
        run_there(errand, node, portion, portion.work.clone()).await?;
    }
    tell_made(errand, &followers);
    Ok(())
}

/// Those of the files that concern the subscriber, in order.
fn within(portion: &Portion, files: &[MigrationId]) -> Vec<MigrationId> {
    let wanted = portion.work.iter().filter(|id| files.contains(id));
    wanted.cloned().collect()
}

async fn run_there(
    errand: &Errand,
    node: &NamedNode,
    portion: &Portion,
    work: Vec<MigrationId>,
) -> Result<(), Outcome> {
    // Rows of Greylag's own tables stop apply where those tables are not there.
    if work.is_empty() && !portion.carries_own {
        return Ok(());
    }
    match Box::pin(carry_out(&errand_of(errand, node, portion, work))).await {
        Outcome::Applied => Ok(()),
        Outcome::Failed { failure } => Err(on(node, failure)),
        Outcome::Unknown { doubt } => Err(doubt_on(errand, node, doubt)),
        absent @ Outcome::Absent { .. } => Err(absent),
    }
}

fn on(node: &NamedNode, failure: Failure) -> Outcome {
    Outcome::Failed {
        failure: Failure {
            message: format!("on subscriber {}: {}", node.node, failure.message),
            ..failure
        },
    }
}

/// A lost answer is looked for there when the shard is gone through again. What the subscriber's catalog can't tell is no doubt
/// about the publisher: whoever settled that would write the publisher's history for what never ran on it.
fn doubt_on(errand: &Errand, node: &NamedNode, doubt: Doubt) -> Outcome {
    let why = format!("on subscriber {}: {}", node.node, doubt.why);
    if !doubt.needs_person {
        return Outcome::Unknown {
            doubt: Doubt { why, ..doubt },
        };
    }
    let migration = (doubt.migration.as_ref()).map_or("V…".into(), ToString::to_string);
    let settle = format!(
        "greylag rollout settle {} {migration} --on {}",
        errand.shard.shard.name, node.node.node
    );
    let hint = format!(
        "Look at the subscriber, then say what became of it there: `{settle} --applied --reason 'looked'` or `{settle} --absent --reason 'looked'`; `greylag apply` goes on."
    );
    Outcome::Failed {
        failure: Failure {
            migration: doubt.migration,
            place: doubt.place,
            ..untouched(FailureClass::Refused, why, Some(hint))
        },
    }
}

/// What is left out is said, never only done.
pub fn tell_left(errand: &Errand, followers: &[Follower]) {
    for Follower { node, portion, .. } in followers {
        for (id, why) in &portion.left {
            let why = why.join("; ");
            let text = match portion.takes(id) {
                true => format!("{id} runs on subscriber {} in part: {why}", node.node),
                false => format!("{id} is left out on subscriber {}: {why}", node.node),
            };
            errand.reports.warning(text);
        }
    }
}

/// A subscription knows of no table that was published after it was last refreshed.
pub fn tell_made(errand: &Errand, followers: &[Follower]) {
    for Follower { node, portion, .. } in followers {
        let Some((schema, first)) = portion.made.first() else {
            continue;
        };
        let more = match portion.made.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let refresh: Vec<_> = portion
            .subscriptions
            .iter()
            .map(|name| refresh(name))
            .collect();
        errand.reports.warning(format!(
            "rows of {schema}.{first}{more} come to subscriber {} once its subscription is refreshed there: {}",
            node.node,
            refresh.join(" ")
        ));
    }
}

/// Why a subscriber is waited for: what it lacks, and how it goes on once it has it.
type Awaited = (&'static str, &'static str);

const BEHIND: Awaited = (
    "it has not applied the rows that an earlier file wrote on the publisher, and the next one may need them",
    "Both have what came before; `greylag rollout retry` goes on there.",
);

const OLD_ROWS: Awaited = (
    "it has not applied what was written before the publisher's change",
    "The publisher has the migration; `greylag rollout retry` goes on with the subscriber.",
);

/// Waits until the subscriber has applied all that the publisher has written up to now.
async fn wait_until_applied(
    errand: &Errand,
    node: &NamedNode,
    (lacks, goes_on): Awaited,
) -> Result<(), Outcome> {
    let until = Instant::now() + errand.limits.lock_deadline;
    let lost = |why: String| {
        let class = FailureClass::Lag;
        on(node, untouched(class, why, Some(goes_on.to_owned())))
    };
    let mut publisher = look_at(errand, &errand.shard.target).await.map_err(lost)?;
    let mut subscriber = look_at(errand, &node.target).await.map_err(lost)?;
    let mut wanted: Option<Position> = None;
    let mut told = false;
    loop {
        let here = publisher.observe().await.map_err(|e| lost(chain(&e)))?;
        let there = subscriber.observe().await.map_err(|e| lost(chain(&e)))?;
        let Some(place) = wanted.clone().or(here.position.clone()) else {
            return Err(lost(unplaced(&here)));
        };
        let wanted = wanted.get_or_insert(place);
        if confirmed(&there, &here).is_some_and(|place| place.reaches(wanted) == Reach::Yes) {
            break;
        }
        if Instant::now() + AGAIN > until {
            return Err(lost(lacks.into()));
        }
        if !told {
            told = true;
            errand.reports.waiting(vec![WaitReason::Replay {
                nodes: vec![node.node.clone()],
                count: 1,
                blame: None,
            }]);
        }
        tokio::time::sleep(AGAIN).await;
        if errand.must_stop() {
            return Err(Outcome::absent());
        }
    }
    publisher.close().await;
    subscriber.close().await;
    if told {
        errand.reports.waiting(Vec::new());
    }
    Ok(())
}

/// Why the publisher's place can't be told.
fn unplaced(publisher: &NodeSighting) -> String {
    let mend = (publisher.unobservable.first())
        .map(|unseen| format!(" (on the publisher: {})", unseen.mend));
    format!(
        "the publisher's position can't be seen, so nobody can tell what has been applied{}",
        mend.unwrap_or_default()
    )
}

async fn look_at(
    errand: &Errand,
    target: &greylag_engines::Target,
) -> Result<Box<dyn Observer>, String> {
    let mut target = target.clone();
    target.application = "greylag/subscriber".into();
    let opened = errand.open.observe(&target).await;
    let opened = opened.map_err(|why| chain(&why))?;
    opened.ok_or_else(|| format!("{} has no replication to look at", target.engine.title()))
}

/// The same work, there: under the subscriber's own lock, with its own history.
fn errand_of(
    errand: &Errand,
    node: &NamedNode,
    portion: &Portion,
    work: Vec<MigrationId>,
) -> Errand {
    let mut there = errand.clone();
    there.shard = shard_of(&errand.shard, node);
    there.work = work.into();
    there.shares = Some(portion.shares.clone());
    there.uuid = None;
    there.seeker = None;
    there.beside = Arc::from([]);
    there.known = None;
    there.anchor = None;
    there.subscribes = true;
    there.replicated = false;
    there.standbys = Standbys::none();
    there.subscribers = Arc::from([]);
    there.reports = errand.reports.of_subscriber(node.node.clone());
    there
}

/// The subscriber as a shard: somebody of its own, whose identity must not pass for the publisher's.
pub fn shard_of(publisher: &FleetShard, node: &NamedNode) -> FleetShard {
    let mut there = publisher.clone();
    let application = there.target.application.clone();
    there.target = node.target.clone();
    there.target.application = application;
    if let Ok(name) = format!("{}.{}", node.node.shard, node.node.node).parse::<ShardName>() {
        there.target.shard = name.clone();
        there.shard.name = name;
    }
    there
}

/// Before Greylag's tables are made on a publisher: its subscribers have them, too, where its publications carry them (those of
/// all tables do). A subscriber without them would stop at the first row.
pub async fn ready_subscribers(setup: &Setup, shard: &FleetShard) -> Result<(), Failure> {
    let Some(Named::Listed(nodes)) = setup.replication.of_shard(&shard.shard.name) else {
        return Ok(());
    };
    let now = Timestamp::now();
    let subscribers = nodes.iter().filter(|node| {
        let ignored = matches!(node.policy, NodePolicy::Ignore { .. });
        node.role == NodeRole::Subscriber && (!ignored || node.policy.guards(now))
    });
    for node in subscribers {
        match ready(setup, shard, node).await {
            Err(failure) if node.policy.guards(now) => {
                return Err(Failure {
                    message: format!("on subscriber {}: {}", node.node, failure.message),
                    ..failure
                });
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

async fn ready(setup: &Setup, shard: &FleetShard, node: &NamedNode) -> Result<(), Failure> {
    let said = ask_both(&*setup.open, &shard.target, &node.target).await?;
    if !said.carries_own(&shard.target) {
        return Ok(());
    }
    let there = shard_of(shard, node);
    let mut session = seize(setup, &there).await?;
    let claimed = claim_held(&mut *session, setup, &there).await;
    let shielded = match claimed {
        Ok(_) => (session.shield().await).map_err(|error| failure_of_verb(&error)),
        Err(failure) => Err(failure),
    };
    part(session).await;
    shielded
}

#[cfg(test)]
mod tests;
