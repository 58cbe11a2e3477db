//! Whose a session is that holds a shard's lock: an orphan of ours, or somebody's who may be at work.
//!
//! An application name says only that some greylag opened it. An orphan of ours is a session of a rollout that this journal has, whose
//! run holds its lease no more. Ends nothing, and connects to no shard.

use crate::journal::{Journal, JournalError, Lease, LeaseRow, Scope};
use greylag_core::outcome::Blocker;
use greylag_engines::Whence;
use std::sync::Arc;

/// What this run knows of other runs.
#[derive(Clone)]
pub struct Orphans {
    journal: Arc<dyn Journal>,
    /// This run's own: while it is held, no other run of the fleet is alive.
    lease: Lease,
}

/// Whose a session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A run of this rollout opened it, which is dead.
    Orphan { rollout: String },
    /// Somebody who may be alive; why that can't be ruled out.
    Stranger { why: String },
}

impl Orphans {
    pub fn new(journal: Arc<dyn Journal>, lease: Lease) -> Self {
        Self { journal, lease }
    }

    /// Whose the session is. What can't be found out is a stranger's.
    pub async fn owner(&self, holder: &Blocker) -> Owner {
        let stranger = |why: String| Owner::Stranger { why };
        let Some(rollout) = rollout_of(holder) else {
            return stranger(match &holder.application {
                Some(_) => "it is not of a rollout".into(),
                None => "nothing tells whose it is".into(),
            });
        };
        match self.is_dead(rollout).await {
            Ok(None) => Owner::Orphan {
                rollout: rollout.to_owned(),
            },
            Ok(Some(why)) => stranger(why),
            Err(why) => stranger(format!("the journal can't be asked about it: {why}")),
        }
    }

    /// None where it certainly is; else why not.
    async fn is_dead(&self, rollout: &str) -> Result<Option<String>, JournalError> {
        let Some(stored) = self.journal.rollout(rollout).await? else {
            return Ok(Some(format!(
                "rollout {rollout} is not in this state store ({}), so a run with another one may be at work",
                self.journal.at()
            )));
        };
        let scope = Scope {
            project: stored.plan.project.clone(),
            environment: stored.plan.environment.clone(),
        };
        let ours = |row: &LeaseRow| row.holder.uuid == self.lease.holder.uuid;
        let holder = self.journal.holder(&scope).await?;
        Ok(holder
            .filter(|row| !ours(row))
            .map(|row| format!("rollout {rollout} is carried out by {}", row.holder)))
    }
}

/// The rollout in the name `greylag/<rollout>/<shard>` of a session.
fn rollout_of(holder: &Blocker) -> Option<&str> {
    let rest = holder.application.as_deref()?.strip_prefix("greylag/")?;
    let (rollout, _) = rest.split_once('/')?;
    // `greylag/repair/eu-1` is a person's verb.
    rollout
        .starts_with(|c: char| c.is_ascii_digit())
        .then_some(rollout)
}

/// The session as a sentence begins: its pid, its name, and where it comes from.
pub fn session_named(holder: &Blocker, whence: &Whence) -> String {
    let mut text = format!("session {}", holder.pid);
    if let Some(name) = &holder.application {
        text += &format!(" ({name})");
    }
    if let Some(host) = &whence.host {
        text += &format!(" from {host}");
    }
    text
}

/// Why `--take-over` leaves a session alone, and what to do about it.
pub fn left_alone(holder: &Blocker, whence: &Whence, why: &str) -> String {
    let session = session_named(holder, whence);
    let text = format!("`--take-over` leaves {session} alone: {why}");
    match &whence.ended_by {
        Some(way) => format!("{text}; if you know that it is dead, end it yourself: {way}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(application: &str) -> Blocker {
        Blocker {
            pid: "4711".into(),
            user: None,
            application: Some(application.into()),
            query: None,
            open_ms: None,
            holds: None,
        }
    }

    #[test]
    fn only_sessions_of_rollouts_name_one() {
        let rollout = "20261123-031412-beef";
        let name = format!("greylag/{rollout}/eu-1");
        assert_eq!(rollout_of(&named(&name)), Some(rollout));
        for other in [
            "greylag/repair/eu-1",
            "greylag/check/load",
            "greylag",
            "psql",
            "greylag/20261123",
        ] {
            assert_eq!(rollout_of(&named(other)), None, "{other}");
        }
    }

    #[test]
    fn what_is_left_alone_is_named_with_its_host_and_with_what_ends_it() {
        let whence = Whence {
            host: Some("10.0.0.7".into()),
            ended_by: Some("SELECT pg_terminate_backend(4711)".into()),
        };
        assert_eq!(
            left_alone(&named("psql"), &whence, "it is not of a rollout"),
            "`--take-over` leaves session 4711 (psql) from 10.0.0.7 alone: it is not of a rollout; if you know that it is dead, end it yourself: SELECT pg_terminate_backend(4711)"
        );
    }
}
