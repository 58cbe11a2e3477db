//! The session that holds the lock of the fleet's anchor, between the uses that are made of it.

use super::awake::awake;
use crate::{fleet::FleetShard, setup::Setup};
use greylag_engines::{LockAttempt, Session, Target};
use tokio::sync::Mutex;

/// The session that holds the lock of the fleet's first shard through a rollout, kept here while that shard does no work.
///
/// The lock keeps others out only where the shard's primary is: a session on another server, which was the primary when it was
/// taken, is dropped.
#[derive(Default)]
pub struct Anchor {
    /// With the address where it was taken. None while the shard's own work has it, and once it is gone.
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

    /// Whether it is kept here: the shard's own work does not have it.
    pub async fn is_home(&self) -> bool {
        self.session.lock().await.is_some()
    }

    /// Awaits something else, and keeps the session in use meanwhile: a server may end one that says nothing.
    pub async fn awake<T>(&self, awaited: impl Future<Output = T>) -> T {
        match &mut *self.session.lock().await {
            Some((_, session)) => awake(&mut **session, awaited).await,
            None => awaited.await,
        }
    }

    /// Asks the session whether it still is there, where the primary is; drops it where it isn't, and says so.
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
