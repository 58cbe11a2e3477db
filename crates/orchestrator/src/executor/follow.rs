//! A shard whose primary is not where it was: the old node is left alone, and the new one looked for among the shard's servers.

use super::{
    backoff::Backoff,
    errand::{Errand, untouched},
    look::{judge, refused},
};
use crate::primary::{Adopted, Sought};
use greylag_core::{
    gate::WaitReason,
    outcome::{Failure, FailureClass},
};
use std::time::{Duration, Instant};

/// What became of a shard that could not be worked on where it was.
pub enum Followed {
    /// The primary is where the errand leads now: another one, or the same, back again.
    Yes,
    /// There is nowhere else to look, or the primary is where it was: this stands.
    No(Failure),
    /// The run was asked to end meanwhile.
    GaveUp,
}

/// Looks for the primary where that may help, until the deadline for locks has passed.
pub async fn follow(errand: &mut Errand, failure: Failure) -> Followed {
    let may_have_moved = matches!(
        failure.class,
        FailureClass::Connection | FailureClass::Refused
    );
    let Some(seeker) = errand.seeker.clone().filter(|_| may_have_moved) else {
        return Followed::No(failure);
    };
    let until = Instant::now() + errand.limits.lock_deadline;
    let deadline = super::waits::deadline(&errand.limits);
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    let mut told = Vec::new();
    loop {
        // Read each time: a person may say meanwhile which of them it is.
        let known = match seeker.known(&errand.shard.shard.name).await {
            Ok(known) => known,
            // Without the memory of its nodes nothing can be proven.
            Err(_) => return Followed::No(failure),
        };
        let memory = known.as_ref().map(|known| &known.known);
        if !seeker.has_choice(&errand.named, memory) {
            return Followed::No(failure);
        }
        let (said, refusal) = match seeker.seek(&errand.named, memory).await {
            // Nothing is lost by waiting until a person, or what manages the servers, has stopped one of them.
            Sought::Refused { refusal, .. } => (vec![refusal.to_string()], Some(refusal)),
            Sought::Found(found) => {
                if !told.is_empty() {
                    errand.reports.waiting(Vec::new());
                }
                if found.target.address() == errand.shard.target.address() {
                    if judge(&found.survey, errand).is_err() {
                        // The errand set out before it was believed there.
                        errand.known = memory.cloned();
                        if judge(&found.survey, errand).is_ok() {
                            return Followed::Yes;
                        }
                    }
                    // It is back, or never was gone: what was said of it stands, unless nobody was there to say it.
                    return match failure.class {
                        FailureClass::Connection if !told.is_empty() => Followed::Yes,
                        _ => Followed::No(failure),
                    };
                }
                let moved = found.moved(memory);
                let adopted = seeker.adopt(&errand.named, &found, known.as_ref()).await;
                let known = match adopted {
                    Ok(Adopted::Yes(known)) => known,
                    Ok(Adopted::Stale) => continue,
                    Err(why) => {
                        let why = format!("where its primary is now can't be written down: {why}");
                        return Followed::No(untouched(FailureClass::Other, why, None));
                    }
                };
                if let Some(anchor) = &errand.anchor {
                    // The lock that it holds is the old node's.
                    anchor.let_go().await;
                }
                let application = errand.shard.target.application.clone();
                errand.shard.target = found.target.clone();
                errand.shard.target.application = application;
                errand.known = known.as_ref().map(|known| known.known.clone());
                errand.reports.moved(moved, known);
                return Followed::Yes;
            }
            Sought::Nowhere { said, .. } => (said, None),
        };
        let wait = backoff.next();
        if Instant::now() + wait > until {
            if let Some(refusal) = refusal {
                return Followed::No(refused(&refusal));
            }
            return Followed::No(Failure {
                message: format!(
                    "{}; none of the shard's servers is its primary: {}",
                    failure.message,
                    said.join("; ")
                ),
                hint: Some(format!(
                    "Promote one of them, or bring the primary back; then `greylag rollout retry {}`.",
                    errand.shard.shard.name
                )),
                ..failure
            });
        }
        if told != said {
            let shard = errand.shard.shard.name.clone();
            errand.reports.waiting(vec![match &refusal {
                Some(refusal) => WaitReason::PrimaryDisputed {
                    shard,
                    why: refusal.to_string(),
                    mend: refusal.hint(),
                    deadline,
                },
                None => WaitReason::NoPrimary {
                    shard,
                    servers: said.clone(),
                    deadline,
                },
            }]);
            told = said;
        }
        tokio::time::sleep(wait).await;
        if errand.must_stop() {
            return Followed::GaveUp;
        }
    }
}
