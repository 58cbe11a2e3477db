//! Writes an identity into a database that has none, because a person expects it to (`--claim`, `baseline`, `accept`).

use super::{
    connect::reach,
    explain::{failure_of, failure_of_verb},
    hold::{AndLook, Held, TakeOver, hold},
    subscribers::ready_subscribers,
};
use crate::{fleet::FleetShard, setup::Setup};
use greylag_core::{
    outcome::{Failure, FailureClass},
    survey::ShardIdentity,
};
use greylag_engines::{Claim, Session};
use std::time::Instant;

/// A session that holds the shard's lock, for a verb beside any rollout.
pub async fn seize(setup: &Setup, shard: &FleetShard) -> Result<Box<dyn Session>, Failure> {
    let mut session = reach(
        &*setup.open,
        &shard.target,
        setup.policy.retry,
        None,
        || false,
    )
    .await
    .map_err(|error| failure_of(&error))?;
    let deadline = Instant::now() + setup.policy.lock_deadline.min(BRIEF);
    let mut leave = TakeOver::No;
    let held = hold(
        &mut *session,
        AndLook::No,
        None,
        deadline,
        &mut leave,
        || false,
    );
    let failure = match held.await {
        Ok(Held::Yes(_)) => return Ok(session),
        Ok(Held::Busy(holder)) => Failure {
            blockers: vec![holder.clone()],
            ..super::errand::untouched(
                FailureClass::Lock,
                format!(
                    "the shard's lock is held by {}{}",
                    holder.pid,
                    holder
                        .application
                        .as_deref()
                        .map_or(String::new(), |name| format!(" ({name})")),
                ),
                Some("Wait for it to finish, or pause the rollout.".into()),
            )
        },
        Ok(Held::GaveUp) => unreachable!("it never gives up"),
        Err(error) => failure_of_verb(&error),
    };
    session.close().await;
    Err(failure)
}

/// Verbs of a person wait for a lock no longer than a person does.
const BRIEF: std::time::Duration = std::time::Duration::from_secs(15);

pub async fn part(mut session: Box<dyn Session>) {
    let _ = session.unlock().await;
    session.close().await;
}

/// Claims the shard, if it still has no identity.
pub async fn claim_shard(setup: &Setup, shard: &FleetShard) -> Result<ShardIdentity, Failure> {
    ready_subscribers(setup, shard).await?;
    let mut session = seize(setup, shard).await?;
    let claimed = claim_held(&mut *session, setup, shard).await;
    part(session).await;
    claimed
}

/// Under the lock.
pub async fn claim_held(
    session: &mut dyn Session,
    setup: &Setup,
    shard: &FleetShard,
) -> Result<ShardIdentity, Failure> {
    let survey = session
        .survey()
        .await
        .map_err(|error| failure_of_verb(&error))?;
    // Another project's says nothing of ours.
    let own = survey
        .identity
        .filter(|identity| identity.project == *setup.fleet.project);
    let identity = own.unwrap_or_else(|| ShardIdentity {
        uuid: uuid::Uuid::new_v4(),
        project: setup.fleet.project.to_string(),
        name: shard.shard.name.clone(),
        environment: setup.fleet.environment.to_string(),
    });
    let claim = Claim {
        identity: identity.clone(),
        by: setup.by.clone(),
    };
    session
        .prepare(&claim)
        .await
        .map_err(|error| failure_of_verb(&error))?;
    Ok(identity)
}
