//! The shard's lock: tried, never waited for in the server, with jitter between tries.

use super::{
    backoff::Backoff,
    errand::Reports,
    orphans::{Orphans, Owner, left_alone},
};
use crate::{fleet::FleetShard, setup::Setup};
use greylag_core::{gate::WaitReason, outcome::Blocker, survey::Survey};
use greylag_engines::{EngineError, LockAttempt, Session, Target};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

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

/// Whether a holder that is an orphan of ours is ended; never without a word.
#[derive(Clone, Copy)]
pub enum TakeOver<'a> {
    No,
    Ending {
        orphans: &'a Orphans,
        tell: &'a (dyn Fn(String) + Sync),
    },
}

impl<'a> TakeOver<'a> {
    pub fn when(asked: bool, orphans: &'a Orphans, tell: &'a (dyn Fn(String) + Sync)) -> Self {
        match asked {
            true => Self::Ending { orphans, tell },
            false => Self::No,
        }
    }
}

/// The session that holds the lock of the fleet's first shard through a rollout, kept here while that shard does no work.
///
/// The lock keeps others out only where the shard's primary is: a session on another server, which was the primary when it was
/// taken, is dropped.
#[derive(Default)]
pub struct Anchor {
    /// With the address where it was taken.
    session: Mutex<Option<(String, Box<dyn Session>)>>,
}

/// How the anchor's session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    Alive,
    Lost,
    /// It was on a server that is not the primary any more.
    Elsewhere,
}

impl Anchor {
    pub fn new(target: &Target, session: Box<dyn Session>) -> Self {
        Self {
            session: Mutex::new(Some((target.address(), session))),
        }
    }

    /// Lends the session, locked, to the shard's own work on this server.
    pub async fn lend(&self, target: &Target) -> Option<Box<dyn Session>> {
        let held = self.session.lock().await.take();
        held.filter(|(address, _)| *address == target.address())
            .map(|(_, session)| session)
    }

    pub async fn take_back(&self, target: &Target, session: Box<dyn Session>) {
        *self.session.lock().await = Some((target.address(), session));
    }

    /// Asks the session whether it still is there, where the primary is; drops it where it isn't, and says so. Asked while its
    /// shard does no work.
    pub async fn look(&self, target: &Target) -> Hold {
        let mut held = self.session.lock().await;
        let Some((address, session)) = held.as_mut() else {
            return Hold::Lost;
        };
        let hold = match *address == target.address() {
            false => Hold::Elsewhere,
            true if session.ask("SELECT 1").await.is_ok() => return Hold::Alive,
            true => Hold::Lost,
        };
        *held = None;
        hold
    }

    /// Unlocks and says goodbye.
    pub async fn let_go(&self) {
        if let Some((_, mut session)) = self.session.lock().await.take() {
            // The lock dies with the session anyway.
            let _ = session.unlock().await;
            session.close().await;
        }
    }
}

/// A new session that holds the shard's lock where the shard is reached, if both can be had at the first try.
pub async fn take_again(
    setup: &Setup,
    rollout: &str,
    shard: &FleetShard,
) -> Option<Box<dyn Session>> {
    let mut target = shard.target.clone();
    target.application = format!("greylag/{rollout}/{}", shard.shard.name).into();
    let mut session = setup.open.open(&target).await.ok()?;
    match session.try_lock().await {
        Ok(LockAttempt::Held) => Some(session),
        _ => {
            session.close().await;
            None
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
    take_over: TakeOver<'_>,
    give_up: impl Fn() -> bool,
) -> Result<Held, EngineError> {
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
    let mut told: Option<Blocker> = None;
    let mut ended: Vec<String> = Vec::new();
    let mut left: Vec<String> = Vec::new();
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
        if let TakeOver::Ending { orphans, tell } = take_over
            && !ended.contains(&holder.pid)
            && end_orphan(session, &holder, orphans, tell, &mut left).await?
        {
            ended.push(holder.pid);
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

/// Ends the holder where it is an orphan of ours; of another it is said once why not.
async fn end_orphan(
    session: &mut dyn Session,
    holder: &Blocker,
    orphans: &Orphans,
    tell: &(dyn Fn(String) + Sync),
    left: &mut Vec<String>,
) -> Result<bool, EngineError> {
    match orphans.owner(holder).await {
        Owner::Orphan { .. } => {
            tell(format!(
                "took over: ended the session {} ({}) that held the shard's lock",
                holder.pid,
                holder.application.as_deref().unwrap_or_default(),
            ));
            session.end(holder).await?;
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
