//! The shard's lock: tried, never waited for in the server, with jitter between tries.

use super::{
    backoff::Backoff,
    errand::Reports,
    orphans::{Orphans, Owner, left_alone},
};
use greylag_core::{gate::WaitReason, outcome::Blocker, survey::Survey};
use greylag_engines::{EngineError, LockAttempt, Session};
use std::time::{Duration, Instant};

/// What trying came to.
#[derive(Debug)]
pub enum Held {
    /// With a look under the lock, where one was asked for and came with it.
    Yes(Option<Box<Survey>>),
    /// Somebody had it until the deadline.
    Busy(Blocker),
    /// The run was asked to end meanwhile.
    GaveUp,
}

/// Whether a holder that is an orphan of ours is ended; never without a word, and each once.
pub enum TakeOver<'a> {
    No,
    Ending {
        orphans: &'a Orphans,
        tell: &'a (dyn Fn(String) + Sync),
        /// Sessions that were ended. A server may take long to roll back what one did.
        ended: Vec<String>,
        /// Others that were told of and left alone.
        left: Vec<String>,
    },
}

impl<'a> TakeOver<'a> {
    pub fn when(asked: bool, orphans: &'a Orphans, tell: &'a (dyn Fn(String) + Sync)) -> Self {
        match asked {
            true => Self::Ending {
                orphans,
                tell,
                ended: Vec::new(),
                left: Vec::new(),
            },
            false => Self::No,
        }
    }

    pub fn has_ended(&self, holder: &Blocker) -> bool {
        match self {
            Self::No => false,
            Self::Ending { ended, .. } => ended.contains(&holder.pid),
        }
    }

    /// What becomes of an orphan that is still there.
    pub fn way(&self, holder: &Blocker) -> &'static str {
        match self.has_ended(holder) {
            true => "`--take-over` has ended it, and its server is still rolling back what it did",
            false => "`--take-over` ends it",
        }
    }

    /// Ends the holder where it is an orphan of ours, and was not ended before; of another it is said once why not.
    async fn end(
        &mut self,
        session: &mut dyn Session,
        holder: &Blocker,
    ) -> Result<bool, EngineError> {
        let Self::Ending {
            orphans,
            tell,
            ended,
            left,
        } = self
        else {
            return Ok(false);
        };
        if ended.contains(&holder.pid) {
            return Ok(false);
        }
        match orphans.owner(holder).await {
            Owner::Orphan { .. } => {
                tell(format!(
                    "took over: ended the session {} ({}) that held the shard's lock",
                    holder.pid,
                    holder.application.as_deref().unwrap_or_default(),
                ));
                session.end(holder).await?;
                ended.push(holder.pid.clone());
                Ok(true)
            }
            Owner::Stranger { why } => {
                // One that has just let go has neither name nor number.
                let is_there = holder.pid.parse::<u64>().is_ok();
                if is_there && !left.contains(&holder.pid) {
                    let whence = session.whence(holder).await;
                    tell(left_alone(holder, &whence, &why));
                    left.push(holder.pid.clone());
                }
                Ok(false)
            }
        }
    }
}

/// Whether the shard is looked at as soon as its lock is had.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AndLook {
    Yes,
    No,
}

/// Tries for the lock until the deadline. `take_over` ends a holder that is an orphan of ours.
pub async fn hold(
    session: &mut dyn Session,
    look: AndLook,
    reports: Option<&Reports>,
    deadline: Instant,
    take_over: &mut TakeOver<'_>,
    give_up: impl Fn() -> bool,
) -> Result<Held, EngineError> {
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
    let mut told: Option<Blocker> = None;
    loop {
        let (tried, seen) = match look {
            AndLook::Yes => session.try_lock_and_survey().await?,
            AndLook::No => (session.try_lock().await?, None),
        };
        let holder = match tried {
            LockAttempt::Held => {
                if told.is_some()
                    && let Some(reports) = reports
                {
                    reports.waiting(Vec::new());
                }
                return Ok(Held::Yes(seen.map(Box::new)));
            }
            LockAttempt::Busy { holder } => holder,
        };
        if take_over.end(session, &holder).await? {
            continue;
        }
        if told.as_ref().is_none_or(|told| told.pid != holder.pid) {
            if let Some(reports) = reports {
                reports.waiting(vec![WaitReason::ShardLock {
                    holder: holder.clone(),
                }]);
            }
            told = Some(holder.clone());
        }
        if give_up() {
            return Ok(Held::GaveUp);
        }
        let wait = backoff.next();
        if Instant::now() + wait > deadline {
            return Ok(Held::Busy(holder));
        }
        tokio::time::sleep(wait).await;
    }
}
