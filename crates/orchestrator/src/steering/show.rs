//! Rollouts as the journal has them.

use super::SteerError;
use crate::{journal::RolloutRow, setup::Setup};
use greylag_core::{event::Stamped, plan::Plan, rollout::Rollout};
use std::sync::Arc;

/// A rollout rebuilt from the journal.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub rollout: String,
    pub row: RolloutRow,
    pub plan: Arc<Plan>,
    pub events: Arc<[Stamped]>,
    pub state: Rollout,
}

/// All rollouts of the project and environment, newest first.
pub async fn list(setup: &Setup) -> Result<Vec<RolloutRow>, SteerError> {
    Ok(setup.journal.rollouts(&setup.scope()).await?)
}

/// One rollout, by id or a prefix of it; none given: the newest.
pub async fn show(setup: &Setup, rollout: Option<&str>) -> Result<Recorded, SteerError> {
    let rows = list(setup).await?;
    let row = match rollout {
        None => rows
            .into_iter()
            .next()
            .ok_or(SteerError::NoRollout { verb: "show" })?,
        Some(prefix) => find(rows, prefix)?,
    };
    read(setup, row).await
}

/// The one that a prefix names.
pub fn find(rows: Vec<RolloutRow>, prefix: &str) -> Result<RolloutRow, SteerError> {
    if let Some(row) = rows.iter().find(|row| row.id == prefix) {
        return Ok(row.clone());
    }
    let mut found: Vec<RolloutRow> = rows
        .into_iter()
        .filter(|row| row.id.starts_with(prefix))
        .collect();
    match found.len() {
        0 => Err(SteerError::NoSuchRollout(prefix.to_owned())),
        1 => Ok(found.remove(0)),
        _ => Err(SteerError::Ambiguous {
            prefix: prefix.to_owned(),
            rollouts: found.into_iter().map(|row| row.id).collect(),
        }),
    }
}

pub async fn read(setup: &Setup, row: RolloutRow) -> Result<Recorded, SteerError> {
    let stored = setup
        .journal
        .rollout(&row.id)
        .await?
        .ok_or_else(|| SteerError::NoSuchRollout(row.id.clone()))?;
    let events = setup.journal.events(&row.id, 0).await?;
    let state =
        Rollout::replay(stored.plan.clone(), &events).map_err(|why| SteerError::Damaged {
            rollout: row.id.clone(),
            why: why.to_string(),
        })?;
    Ok(Recorded {
        rollout: row.id,
        row: stored.row,
        plan: stored.plan,
        events: events.into(),
        state,
    })
}
