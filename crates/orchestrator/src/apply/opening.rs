//! Begins a rollout, takes one up, or ends one for its successor.

use super::ApplyError;
use crate::{
    dispatcher::{Ledger, LedgerError},
    executor::Scripts,
    journal::{Lease, NewRollout, StoredRollout},
    setup::Setup,
    watch::{Notice, Watcher},
};
use greylag_core::{event::Event, plan::Plan, rollout::Rollout};
use jiff::Timestamp;
use rand::Rng;
use std::sync::Arc;

/// A rollout that is ours to carry on.
pub struct Opened {
    pub ledger: Ledger,
    pub plan: Arc<Plan>,
    pub scripts: Arc<Scripts>,
}

/// A new name: when, and something that tells it from a namesake.
pub fn new_id() -> String {
    let now = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let tail: u16 = rand::rng().random();
    format!("{}-{tail:04x}", now.strftime("%Y%m%d-%H%M%S"))
}

/// Stores plan and files, and records the start.
pub async fn begin(
    setup: &Setup,
    lease: &Lease,
    id: String,
    plan: Arc<Plan>,
    watcher: Arc<dyn Watcher>,
) -> Result<Opened, ApplyError> {
    let scripts = Arc::new(Scripts::on_disk(&plan, &setup.migrations)?);
    let rollout = NewRollout {
        id: id.clone(),
        plan: plan.clone(),
        files: scripts.texts(),
    };
    setup.journal.begin(lease, &rollout).await?;
    let state = Rollout::new(plan.clone(), Timestamp::now());
    watcher.notice(&Notice::Taken {
        rollout: id.clone(),
        plan: plan.clone(),
        past: Arc::new([]),
    });
    let mut ledger = Ledger::new(id, state, 0, lease.clone(), setup.journal.clone(), watcher);
    let digest = plan.digest.clone();
    let by = setup.by.clone();
    write(&mut ledger, Event::RolloutStarted { digest, by }).await?;
    Ok(Opened {
        ledger,
        plan,
        scripts,
    })
}

/// Replays the journal; whatever was in flight is unknown from now on.
pub async fn take_up(
    setup: &Setup,
    lease: &Lease,
    id: &str,
    watcher: Arc<dyn Watcher>,
) -> Result<Opened, ApplyError> {
    let damaged = |why: String| ApplyError::Damaged {
        rollout: id.to_owned(),
        why,
    };
    let stored: StoredRollout = setup
        .journal
        .rollout(id)
        .await?
        .ok_or_else(|| damaged("it is gone".into()))?;
    let past = setup.journal.events(id, 0).await?;
    let scripts = Arc::new(Scripts::stored(&stored, &setup.migrations)?);
    let state =
        Rollout::replay(stored.plan.clone(), &past).map_err(|why| damaged(why.to_string()))?;
    watcher.notice(&Notice::Taken {
        rollout: id.to_owned(),
        plan: stored.plan.clone(),
        past: past.clone().into(),
    });
    let mut ledger = Ledger::new(
        id.to_owned(),
        state,
        past.len() as u64,
        lease.clone(),
        setup.journal.clone(),
        watcher,
    );
    let by = setup.by.clone();
    let first = if past.is_empty() {
        // Killed between storing the plan and its first event.
        let digest = stored.plan.digest.clone();
        Event::RolloutStarted { digest, by }
    } else {
        Event::Restarted { by }
    };
    write(&mut ledger, first).await?;
    Ok(Opened {
        ledger,
        plan: stored.plan,
        scripts,
    })
}

/// Ends the rollout for its successor.
pub async fn supersede(opened: &mut Opened, successor: &str, why: &str) -> Result<(), ApplyError> {
    let event = Event::Superseded {
        by_rollout: successor.to_owned(),
        why: why.to_owned(),
    };
    write(&mut opened.ledger, event).await
}

/// Records and writes one event.
pub async fn write(ledger: &mut Ledger, event: Event) -> Result<(), ApplyError> {
    ledger
        .record(event)
        .map_err(|why| fault(&ledger.rollout, LedgerError::OutOfOrder(why)))?;
    ledger.commit().await?;
    Ok(())
}

pub fn fault(rollout: &str, why: LedgerError) -> ApplyError {
    match why {
        LedgerError::Journal(crate::journal::JournalError::Fenced { holder }) => {
            ApplyError::LeaseLost {
                why: format!("{holder} has it"),
            }
        }
        LedgerError::Journal(why) => ApplyError::Journal(why),
        LedgerError::OutOfOrder(why) => ApplyError::Damaged {
            rollout: rollout.to_owned(),
            why: why.to_string(),
        },
    }
}
