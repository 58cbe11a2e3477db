//! Runs jobs on a held shard: with lock retries, someone who watches for blockers, and cancelling on the server.

use super::{
    awake::awake,
    backoff::Backoff,
    errand::Errand,
    preflight::{Quiet, wait_for_quiet},
    waits,
};
use crate::control::Level;
use greylag_core::{
    gate::WaitReason,
    migration::MigrationId,
    outcome::{Doubt, Failure, FailureClass},
};
use greylag_engines::{Attempt, Job, Note, Session};
use jiff::Timestamp;
use std::{
    collections::BTreeSet,
    sync::Mutex,
    time::{Duration, Instant},
};

/// How running a group of jobs ended.
#[derive(Debug)]
pub enum Ran {
    Applied,
    Failed(Failure),
    Unknown(Doubt),
    /// Cancelled by this run, or given up between two tries. What stands of it, `Stands` knows.
    GaveUp,
}

/// How long an answer to a cancel is waited for before the outcome is unknown.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// Runs the jobs (several: in one transaction) until they are applied, fail for good, or the deadline for locks has passed.
pub async fn run(session: &mut dyn Session, errand: &Errand, jobs: &[Job]) -> Ran {
    let until = Instant::now() + errand.limits.lock_deadline;
    let deadline = waits::deadline(&errand.limits);
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    let mut attempt = 1;
    loop {
        let (answer, cancelled) = try_once(session, errand, jobs, attempt, deadline).await;
        let failure = match answer {
            Attempt::Applied(applied) => {
                // That of the last migration counts; where it is lost, a later one is asked for.
                match applied.position.filter(|_| errand.replicated) {
                    Some(position) => errand.reports.position(position),
                    None => errand.reports.forget_position(),
                }
                for warning in applied.warnings {
                    errand.reports.warning(warning);
                }
                return Ran::Applied;
            }
            Attempt::Unknown(doubt) => return Ran::Unknown(doubt),
            Attempt::Failed(failure) => failure,
        };
        errand.reports.stands().note(&failure);
        if cancelled && failure.class == FailureClass::Cancelled {
            return Ran::GaveUp;
        }
        let wait = backoff.next();
        if failure.class != FailureClass::Lock || Instant::now() + wait > until {
            return Ran::Failed(failure);
        }
        attempt += 1;
        errand.reports.waiting(vec![WaitReason::Lock {
            blockers: failure.blockers.clone(),
            attempt,
            deadline,
        }]);
        tokio::time::sleep(wait).await;
        if errand.must_stop() {
            return Ran::GaveUp;
        }
        // The next try would hit whoever has come to a standby meanwhile.
        match awake(session, wait_for_quiet(errand, jobs, failure.left, until)).await {
            Quiet::Yes => {}
            Quiet::GaveUp => return Ran::GaveUp,
            // What stands of it stands, whoever is in the way of the rest.
            Quiet::No(why) => return Ran::Failed(in_place_of(failure, why)),
        }
    }
}

/// Why it is not tried again, with what the last try said of where it is and what stands.
fn in_place_of(failed: Failure, why: Failure) -> Failure {
    Failure {
        migration: failed.migration,
        place: failed.place,
        left: failed.left,
        ..why
    }
}

/// One attempt; says too whether this run cancelled it.
async fn try_once(
    session: &mut dyn Session,
    errand: &Errand,
    jobs: &[Job],
    attempt: u32,
    deadline: Timestamp,
) -> (Attempt, bool) {
    let pid = session.pid();
    let canceller = session.canceller();
    let told = Mutex::new(BTreeSet::<MigrationId>::new());
    let progress = |note: Note| match note {
        Note::Statement {
            migration,
            done,
            total,
        } => errand.reports.statement(migration, done, total),
        Note::Applied { migration, millis } => {
            if told
                .lock()
                .expect("no panics inside")
                .insert(migration.clone())
            {
                errand.reports.applied(migration, millis);
            }
        }
        Note::Online {
            migration,
            statement,
            way,
            not,
        } => errand.reports.online(migration, statement, way, not),
        Note::Tool {
            migration,
            statement,
            tool,
            line,
        } => errand.reports.tool_said(migration, statement, tool, line),
        Note::Warning { migration, text } => {
            errand.reports.warning(format!("{migration}: {text}"));
        }
    };
    let mut level = errand.control.subscribe();
    let blockers = Mutex::new(Vec::new());
    let watch = waits::watch(errand, &pid, attempt, deadline, &blockers);
    let mut cancelled = false;
    let mut answer = {
        let apply = session.apply(jobs, &progress);
        tokio::pin!(apply);
        tokio::pin!(watch);
        let mut last_words = None;
        loop {
            tokio::select! {
                biased;
                answer = &mut apply => break answer,
                () = cancel_asked(&mut level), if !cancelled => {
                    cancelled = true;
                    last_words = Some(tokio::time::Instant::now() + LAST_WORDS);
                    if let Err(error) = canceller.cancel().await {
                        errand.reports.warning(format!("the cancel did not get through: {error}"));
                    }
                }
                () = until(last_words) => break Attempt::Unknown(Doubt {
                    migration: jobs.first().map(|job| job.migration.clone()),
                    place: None,
                    why: "it was cancelled, and the server did not answer".into(),
                    needs_person: false,
                }),
                _ = &mut watch => {}
            }
        }
    };
    if let Attempt::Applied(applied) = &answer {
        let told = told.into_inner().expect("no panics inside");
        let untold: Vec<_> = jobs
            .iter()
            .filter(|job| !told.contains(&job.migration))
            .collect();
        let millis = applied.millis / untold.len().max(1) as u64;
        for job in untold {
            errand.reports.applied(job.migration.clone(), millis);
        }
    }
    if let Attempt::Failed(failure) = &mut answer
        && failure.class == FailureClass::Lock
        && failure.blockers.is_empty()
    {
        // Engines that tell only of a wait under way can't tell any more.
        failure.blockers = blockers.into_inner().expect("no panics inside");
    }
    (answer, cancelled)
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn cancel_asked(level: &mut tokio::sync::watch::Receiver<Level>) {
    // Its guard must not live across an await.
    drop(level.wait_for(|level| *level == Level::Cancel).await);
}
