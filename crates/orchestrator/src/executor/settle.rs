//! Finds out, under the shard's lock, what became of work whose answer was lost. Never a retry.

use super::{
    carry::{acquire, release, tell_notes, tell_position},
    errand::Errand,
    explain::{chain, is_lost},
    look::{Left, doubt, look},
    subscribers::{Turn, turn_of},
};
use greylag_core::{outcome::Outcome, survey::Survey};
use greylag_engines::{Session, Settled};

/// Looks. `Unknown` again means that it could not look, or that the catalog can't tell (`needs_person`).
pub async fn find_out(errand: &Errand) -> Outcome {
    let (mut session, seen) = match acquire(errand).await {
        Ok(acquired) => acquired,
        // Not a word about the work: it stays unknown.
        Err(Outcome::Failed { failure }) => {
            return Outcome::Unknown {
                doubt: doubt(None, format!("it can't be looked at: {}", failure.message)),
            };
        }
        Err(_) => {
            return Outcome::Unknown {
                doubt: doubt(
                    None,
                    "it was not looked at: this run was asked to end".into(),
                ),
            };
        }
    };
    let outcome = settle(&mut *session, errand, seen).await;
    tell_position(&mut *session, errand, &outcome).await;
    release(session, errand, &outcome).await;
    match outcome {
        // Its own work is there; that of subscribers comes after it, and is gone through again.
        Outcome::Applied
            if turn_of(errand.phase) == Turn::After && !errand.subscribers.is_empty() =>
        {
            Outcome::Absent
        }
        outcome => outcome,
    }
}

async fn settle(session: &mut dyn Session, errand: &Errand, seen: Option<Box<Survey>>) -> Outcome {
    let found = match look(session, errand, seen).await {
        Ok(found) => found,
        Err(Left::Failed(failure)) => return Outcome::Failed { failure },
        Err(Left::Lost(error)) => {
            return Outcome::Unknown {
                doubt: doubt(None, chain(&error)),
            };
        }
    };
    for id in errand.work.iter().filter(|id| !found.lacking.contains(id)) {
        errand.reports.applied(id.clone(), 0);
    }
    if !found.lacking.is_empty() && (found.proof.needs_claim() || !found.survey.has_history) {
        // Our tables come before any migration, and the identity last of them: nothing was begun here.
        return Outcome::Absent;
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
            Ok(Settled::Absent) => return Outcome::Absent,
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
