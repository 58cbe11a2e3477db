//! Finds out, under the shard's lock, what became of work whose answer was lost, or what its `verify` queries say now. Never a retry.

use super::{
    carry::{acquire, release, tell_notes, tell_position},
    errand::Errand,
    explain::{chain, is_lost},
    follow::{Followed, follow},
    look::{Found, Left, doubt, look},
    verify::verify,
};
use greylag_core::{
    migration::MigrationId,
    outcome::{FailureClass, Outcome},
    plan::Turn,
    survey::Survey,
};
use greylag_engines::{Session, Settled};

/// Looks. `Unknown` again means that it could not look, or that the catalog can't tell (`needs_person`).
pub async fn find_out(errand: &Errand) -> Outcome {
    look_until_told(errand, Wanted::Outcome).await
}

/// Asks the `verify` queries of what is there of the work. `Applied`: they said yes, and all of it is there; `Absent`: they said yes, and the
/// rest was not begun.
pub async fn ask_again(errand: &Errand) -> Outcome {
    look_until_told(errand, Wanted::Verified).await
}

/// What a look is for.
#[derive(Clone, Copy)]
enum Wanted {
    Outcome,
    Verified,
}

async fn look_until_told(errand: &Errand, wanted: Wanted) -> Outcome {
    let mut errand = errand.clone();
    loop {
        let failure = match look_once(&errand, wanted).await {
            Ok(Outcome::Failed { failure }) if failure.class == FailureClass::Refused => failure,
            Ok(outcome) => return outcome,
            Err(Outcome::Failed { failure }) => failure,
            Err(_) => return not_looked_at(),
        };
        // Its server may not be its primary any more.
        let was_reached = failure.class == FailureClass::Refused;
        match follow(&mut errand, failure).await {
            Followed::Yes => {}
            Followed::GaveUp => return not_looked_at(),
            Followed::No(failure) if was_reached => return Outcome::Failed { failure },
            // Not a word about the work: it stays unknown.
            Followed::No(failure) => {
                return Outcome::Unknown {
                    doubt: doubt(None, format!("it can't be looked at: {}", failure.message)),
                };
            }
        }
    }
}

fn not_looked_at() -> Outcome {
    let why = "it was not looked at: this run was asked to end";
    Outcome::Unknown {
        doubt: doubt(None, why.into()),
    }
}

/// One look; an error is of getting there.
async fn look_once(errand: &Errand, wanted: Wanted) -> Result<Outcome, Outcome> {
    let (mut session, seen) = acquire(errand).await?;
    // Its own work may be there; that of subscribers comes after it, and is gone through again.
    let goes_on = Turn::of(errand.phase) == Turn::After && !errand.subscribers.is_empty();
    let outcome = match wanted {
        Wanted::Verified => asked(&mut *session, errand, seen).await,
        Wanted::Outcome => match settle(&mut *session, errand, seen).await {
            Outcome::Applied if !goes_on => verified(&mut *session, errand, &errand.work).await,
            outcome => outcome,
        },
    };
    tell_position(&mut *session, errand, &outcome).await;
    release(session, errand, &outcome).await;
    Ok(match outcome {
        Outcome::Applied if goes_on => Outcome::absent(),
        outcome => outcome,
    })
}

/// What is there is asked about as after any run: whoever lost the answer never came to ask.
async fn verified(session: &mut dyn Session, errand: &Errand, work: &[MigrationId]) -> Outcome {
    if errand.subscribes {
        return Outcome::Applied;
    }
    match verify(session, errand, work).await {
        Ok(None) => Outcome::Applied,
        Ok(Some(failure)) => Outcome::Failed { failure },
        Err(error) => Outcome::Unknown {
            doubt: doubt(None, chain(&error)),
        },
    }
}

async fn asked(session: &mut dyn Session, errand: &Errand, seen: Option<Box<Survey>>) -> Outcome {
    let found = match found(session, errand, seen).await {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let there = errand.work.iter().filter(|id| !found.lacking.contains(id));
    let there: Vec<MigrationId> = there.cloned().collect();
    match verified(session, errand, &there).await {
        Outcome::Applied if !found.lacking.is_empty() => Outcome::absent(),
        outcome => outcome,
    }
}

async fn found(
    session: &mut dyn Session,
    errand: &Errand,
    seen: Option<Box<Survey>>,
) -> Result<Found, Outcome> {
    look(session, errand, seen)
        .await
        .map_err(|left| match left {
            Left::Failed(failure) => Outcome::Failed { failure },
            Left::Lost(error) => Outcome::Unknown {
                doubt: doubt(None, chain(&error)),
            },
        })
}

async fn settle(session: &mut dyn Session, errand: &Errand, seen: Option<Box<Survey>>) -> Outcome {
    let found = match found(session, errand, seen).await {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    for id in errand.work.iter().filter(|id| !found.lacking.contains(id)) {
        errand.reports.applied(id.clone(), 0);
    }
    if !found.lacking.is_empty() && (found.proof.needs_claim() || !found.survey.has_history) {
        // Our tables come before any migration, and the identity last of them: nothing was begun here.
        return Outcome::absent();
    }
    for id in &found.lacking {
        let job = match errand.scripts.job(
            id,
            &errand.shard,
            &errand.rollout,
            errand.epoch,
            errand.limits.lock_timeout,
        ) {
            Ok(job) => job,
            Err(failure) => return Outcome::Failed { failure },
        };
        let settled = session.settle(&job).await;
        tell_notes(session, errand, id);
        match settled {
            Ok(Settled::Applied) => errand.reports.applied(id.clone(), 0),
            // The first that is not there ends the look: those behind it were never begun.
            Ok(Settled::Absent) => {
                let left = found.stands(id);
                return Outcome::Absent { left };
            }
            Ok(Settled::Failed(failure)) => return Outcome::Failed { failure },
            Ok(Settled::Unknown(doubt)) => return Outcome::Unknown { doubt },
            Err(error) => {
                return Outcome::Unknown {
                    doubt: doubt(
                        Some(id.clone()),
                        if is_lost(&error) {
                            chain(&error)
                        } else {
                            format!("the look at it was refused: {}", chain(&error))
                        },
                    ),
                };
            }
        }
    }
    Outcome::Applied
}
