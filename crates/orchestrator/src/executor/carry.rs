//! Carries one shard's work of one stage out, from connecting to saying goodbye.

use super::{
    awake::awake,
    connect::reach,
    errand::{Errand, untouched},
    explain::{chain, failure_of, failure_of_verb, is_lost},
    follow::{Followed, follow},
    hold::{AndLook, Held, TakeOver, hold},
    legs::legs,
    look::{self, Found, doubt, look},
    orphans::{Owner, session_named},
    portion::trim,
    preflight::{Quiet, wait_for_quiet},
    run::{Ran, run},
    scripts::is_transactional,
    sisters::turn,
    subscribers::{Follower, followers, lead, tell_left, tell_made, trail},
    verify::verify,
};
use crate::{
    executor::backoff::Backoff, journal::KnownShard, runner::online_of, survey::known_with,
};
use greylag_core::{
    gate::WaitReason,
    migration::MigrationId,
    outcome::{Blocker, Failure, FailureClass, Left, Outcome},
    plan::Turn,
    policy::Group,
    survey::{ShardIdentity, Survey},
};
use greylag_engines::{Claim, EngineError, Job, Session, Settled};
use jiff::Timestamp;
use std::time::Instant;

/// Runs what the shard lacks of the work. The outcome is the truth as far as anyone knows.
pub async fn carry_out(errand: &Errand) -> Outcome {
    let outcome = carry_out_in_turn(errand).await;
    errand.reports.stands().complete(outcome, &errand.reports)
}

async fn carry_out_in_turn(errand: &Errand) -> Outcome {
    let mut errand = errand.clone();
    match Turn::of(errand.phase) {
        _ if errand.subscribers.is_empty() => carry_out_there(&mut errand).await,
        Turn::Never => carry_out_there(&mut errand).await,
        Turn::Before => carry_out_behind(&mut errand).await,
        Turn::After => {
            let outcome = carry_out_there(&mut errand).await;
            if outcome == Outcome::Applied
                && let Err(outcome) = trail(&errand).await
            {
                return outcome;
            }
            outcome
        }
    }
}

/// Behind the shard's subscribers, file by file.
async fn carry_out_behind(errand: &mut Errand) -> Outcome {
    let mut told = false;
    loop {
        let failure = match in_turns(errand, &mut told).await {
            Ok(outcome) => return outcome,
            Err(Outcome::Failed { failure }) => failure,
            Err(outcome) => return outcome,
        };
        // What is published is asked of the primary, which may be another one by now.
        match follow(errand, failure).await {
            Followed::Yes => {}
            Followed::GaveUp => return Outcome::absent(),
            Followed::No(failure) => return Outcome::Failed { failure },
        }
    }
}

/// An error is of a subscriber, or of asking about it.
async fn in_turns(errand: &mut Errand, told: &mut bool) -> Result<Outcome, Outcome> {
    let mut followers: Vec<Follower> = followers(errand).await?;
    if !std::mem::replace(told, true) {
        tell_left(errand, &followers);
    }
    let taken = |id: &MigrationId| followers.iter().any(|follower| follower.takes(id));
    let legs = legs(&errand.work, taken);
    let work = errand.work.clone();
    for leg in legs {
        if errand.must_stop() {
            return Ok(Outcome::absent());
        }
        lead(errand, &mut followers, &leg.files).await?;
        errand.work = leg.files.clone().into();
        let outcome = carry_out_there(errand).await;
        errand.work = work.clone();
        if outcome != Outcome::Applied {
            return Ok(outcome);
        }
    }
    tell_made(errand, &followers);
    Ok(Outcome::Applied)
}

/// On the shard's own primary.
async fn carry_out_there(errand: &mut Errand) -> Outcome {
    let retry = errand.limits.retry;
    let mut backoff = Backoff::new(retry.base, retry.cap);
    let mut attempt = 1;
    loop {
        let failure = match once(errand).await {
            Outcome::Failed { failure } => match follow(errand, failure).await {
                Followed::Yes => continue,
                Followed::GaveUp => return Outcome::absent(),
                Followed::No(failure) if failure.class == FailureClass::Connection => failure,
                Followed::No(failure) => return Outcome::Failed { failure },
            },
            outcome => return outcome,
        };
        // Connecting has been tried again already; this is for connections that the server closed in between.
        if attempt >= retry.attempts.max(1) {
            return Outcome::Failed { failure };
        }
        let wait = backoff.next();
        attempt += 1;
        errand.reports.waiting(vec![WaitReason::Retry {
            attempt,
            at: Timestamp::now() + wait,
            error: failure.message,
        }]);
        tokio::time::sleep(wait).await;
        if errand.must_stop() {
            return Outcome::absent();
        }
    }
}

async fn once(errand: &Errand) -> Outcome {
    let (mut session, seen) = match acquire(errand).await {
        Ok(acquired) => acquired,
        Err(outcome) => return outcome,
    };
    let outcome = work(&mut *session, errand, seen).await;
    tell_position(&mut *session, errand, &outcome).await;
    release(session, errand, &outcome).await;
    outcome
}

/// A session that holds the shard's lock: the anchor's own, or a new one; and a look under the lock, if it came with it.
pub async fn acquire(errand: &Errand) -> Result<(Box<dyn Session>, Option<Box<Survey>>), Outcome> {
    if let Some(anchor) = &errand.anchor
        && let Some(session) = anchor.lend(&errand.shard.target).await
    {
        return Ok((session, None));
    }
    let mut session = reach(
        &*errand.open,
        &errand.shard.target,
        errand.limits.retry,
        Some(&errand.reports),
        || errand.must_stop(),
    )
    .await
    .map_err(|error| Outcome::Failed {
        failure: failure_of(&error),
    })?;
    let deadline = Instant::now() + errand.limits.lock_deadline;
    // A shard without an identity when it was planned is most likely as it was.
    session.expect_tables(errand.uuid.is_some());
    let tell = |text| errand.reports.warning(text);
    let mut take_over = TakeOver::when(errand.take_over, &errand.orphans, &tell);
    let held = hold(
        &mut *session,
        AndLook::Yes,
        Some(&errand.reports),
        deadline,
        &mut take_over,
        || errand.must_stop(),
    )
    .await;
    let outcome = match held {
        Ok(Held::Yes(seen)) => return Ok((session, seen)),
        Ok(Held::GaveUp) => Outcome::absent(),
        Ok(Held::Busy(holder)) => Outcome::Failed {
            failure: busy(&mut *session, errand, holder, &take_over).await,
        },
        Err(error) => Outcome::Failed {
            failure: failure_of_verb(&error),
        },
    };
    session.close().await;
    Err(outcome)
}

/// Somebody had the lock until the deadline.
async fn busy(
    session: &mut dyn Session,
    errand: &Errand,
    holder: Blocker,
    take_over: &TakeOver<'_>,
) -> Failure {
    let whence = session.whence(&holder).await;
    let hint = match errand.orphans.owner(&holder).await {
        Owner::Orphan { rollout } if take_over.has_ended(&holder) => format!(
            "It is an orphan of rollout {rollout}: {}. Wait for that.",
            take_over.way(&holder)
        ),
        Owner::Orphan { rollout } => format!(
            "It is an orphan of rollout {rollout}: wait for it to finish, or `greylag apply --take-over` ends it."
        ),
        Owner::Stranger { why } => {
            let ended_by = whence.ended_by.as_ref();
            let way =
                ended_by.map(|way| format!(" If you know that it is dead, end it yourself: {way}"));
            format!("Wait for it to finish: {why}.{}", way.unwrap_or_default())
        }
    };
    let held = format!(
        "the shard's lock is held by {}",
        session_named(&holder, &whence)
    );
    Failure {
        blockers: vec![holder],
        ..untouched(FailureClass::Lock, held, Some(hint))
    }
}

/// Where the primary is now, if the position that came with the last commit was lost: a later one is always safe. Without nodes
/// this asks nothing.
pub async fn tell_position(session: &mut dyn Session, errand: &Errand, outcome: &Outcome) {
    if errand.replicated
        && !errand.reports.has_position()
        && *outcome == Outcome::Applied
        && let Ok(Some(position)) = session.position().await
    {
        errand.reports.position(position);
    }
}

/// Gives the anchor's session back, or closes it.
pub async fn release(session: Box<dyn Session>, errand: &Errand, outcome: &Outcome) {
    let is_lost = match outcome {
        Outcome::Unknown { .. } => true,
        Outcome::Failed { failure } => failure.class == FailureClass::Connection,
        Outcome::Applied | Outcome::Absent { .. } => false,
    };
    if is_lost {
        // Of no more use: its lock, if the server still has it, dies with it. An anchor is taken again by whoever needs it.
        return drop(session);
    }
    match &errand.anchor {
        Some(anchor) => anchor.take_back(&errand.shard.target, session).await,
        // The lock dies with the session, and saying so first would be a round trip.
        None => session.close().await,
    }
}

async fn work(session: &mut dyn Session, errand: &Errand, seen: Option<Box<Survey>>) -> Outcome {
    session.expect_replicas(errand.replicated);
    let found = match look(session, errand, seen).await {
        Ok(found) => found,
        Err(look::Left::Failed(failure)) => return Outcome::Failed { failure },
        Err(look::Left::Lost(error)) => {
            return Outcome::Failed {
                failure: failure_of_verb(&error),
            };
        }
    };
    errand.reports.stands().find(&found);
    let mut proven = match prepare(session, errand, &found).await {
        Ok(proven) => proven,
        Err(outcome) => return outcome,
    };
    if errand.subscribes
        && let Err(error) = session.shield().await
    {
        return Outcome::Failed {
            failure: failure_of_verb(&error),
        };
    }
    let mut jobs = Vec::new();
    for id in &found.lacking {
        let job = match errand.scripts.job(
            id,
            &errand.shard,
            &errand.rollout,
            errand.epoch,
            errand.limits.lock_timeout,
        ) {
            Ok(job) => Job {
                online: online_of(errand, errand.scripts.get(id)),
                ..job
            },
            Err(failure) => return Outcome::Failed { failure },
        };
        let job = match trim(errand, job) {
            Ok(job) => job,
            Err(failure) => return Outcome::Failed { failure },
        };
        if found.open_step(id).is_some() {
            let settled = session.settle(&job).await;
            tell_notes(session, errand, id);
            match settled {
                // Absent: what stands of it is a prefix that `apply` resumes after. Failed: a person asked for another try.
                Ok(Settled::Absent | Settled::Failed(_)) => {}
                Ok(Settled::Applied) => {
                    errand.reports.applied(id.clone(), 0);
                    continue;
                }
                Ok(Settled::Unknown(doubt)) => return Outcome::Unknown { doubt },
                Err(error) => {
                    return Outcome::Failed {
                        failure: failure_of_verb(&error),
                    };
                }
            }
        }
        jobs.push(job);
    }
    for group in groups(&jobs, errand) {
        if errand.must_stop() {
            return Outcome::absent();
        }
        let until = Instant::now() + errand.limits.lock_deadline;
        let left = (group.first()).map_or(Left::Nothing, |job| found.stands(&job.migration));
        match awake(session, wait_for_quiet(errand, group, left, until)).await {
            Quiet::Yes => {}
            Quiet::GaveUp => return Outcome::absent(),
            Quiet::No(failure) => return Outcome::Failed { failure },
        }
        let Some(_turn) = awake(session, turn(errand, group)).await else {
            return Outcome::absent();
        };
        let ran = run(session, errand, group).await;
        if !session.is_to_prepare() && !matches!(ran, Ran::Unknown(_)) {
            errand.reports.proven(proven.take());
        }
        match ran {
            Ran::Applied => {}
            Ran::Failed(failure) => return Outcome::Failed { failure },
            Ran::Unknown(doubt) => return Outcome::Unknown { doubt },
            Ran::GaveUp => return Outcome::absent(),
        }
    }
    if errand.subscribes {
        // What is asked is about rows, which come after the publisher's.
        return Outcome::Applied;
    }
    match verify(session, errand, &errand.work).await {
        Ok(None) => Outcome::Applied,
        Ok(Some(failure)) => Outcome::Failed { failure },
        Err(error) => Outcome::Failed {
            failure: failure_of_verb(&error),
        },
    }
}

/// What a look found that is no failure.
pub fn tell_notes(session: &mut dyn Session, errand: &Errand, id: &MigrationId) {
    for text in session.take_notes() {
        errand.reports.warning(format!("{id}: {text}"));
    }
}

/// Tables and identity, where they are missing. What is to be remembered of the shard once they are there, where they are made with
/// its first migration.
async fn prepare(
    session: &mut dyn Session,
    errand: &Errand,
    found: &Found,
) -> Result<Option<KnownShard>, Outcome> {
    let identity = match &found.survey.identity {
        Some(_) if !found.proof.needs_claim() && found.survey.has_history => return Ok(None),
        Some(identity) if !found.proof.needs_claim() => identity.clone(),
        _ => ShardIdentity {
            uuid: errand.uuid.unwrap_or_else(uuid::Uuid::new_v4),
            project: errand.project.to_string(),
            name: errand.shard.shard.name.clone(),
            environment: errand.environment.to_string(),
        },
    };
    let claim = Claim {
        identity,
        by: errand.by.to_string(),
    };
    // What comes before the first migration needs them at once.
    let at_once = errand.subscribes || found.lacking.is_empty() || !found.survey.steps.is_empty();
    let prepared = match at_once {
        true => session.prepare(&claim).await,
        false => session.prepare_with_jobs(&claim).await,
    };
    prepared.map_err(|error| lost_or_failed(&error, "while its tables were made"))?;
    let proven = known_with(
        None,
        &Survey {
            identity: Some(claim.identity),
            ..found.survey.clone()
        },
        &errand.beside,
        None,
    );
    if session.is_to_prepare() {
        return Ok(proven);
    }
    errand.reports.proven(proven);
    Ok(None)
}

/// Nothing of ours is undone by a repeated `prepare`: a lost answer there is no doubt about a migration.
fn lost_or_failed(error: &EngineError, doing: &str) -> Outcome {
    if is_lost(error) {
        return Outcome::Unknown {
            doubt: doubt(None, format!("{}, {doing}", chain(error))),
        };
    }
    Outcome::Failed {
        failure: failure_of_verb(error),
    }
}

/// Neighbouring jobs that may share a transaction, together; others alone.
fn groups<'a>(jobs: &'a [Job], errand: &Errand) -> Vec<&'a [Job]> {
    let share = match errand.limits.group {
        Group::Auto => errand.shard.shard.engine.facts().groups_by_default,
        Group::Always => true,
        Group::Never => false,
    };
    jobs.chunk_by(|a, b| share && is_transactional(a) && is_transactional(b))
        .collect()
}
