//! Which rollout brought a migration, as the journal has it: a checkout without its file may merely be older than its fleet.

use crate::{
    journal::{JournalError, RolloutRow},
    setup::Setup,
};
use greylag_core::migration::MigrationId;
use std::collections::{BTreeMap, BTreeSet};

/// So many rollouts are looked through, the newest first: what came before them is no news to any checkout.
const NEWEST: usize = 200;

/// The newest rollout that had each of these in its plan; those that none had are left out.
pub async fn origins(
    setup: &Setup,
    mut wanted: BTreeSet<MigrationId>,
) -> Result<BTreeMap<MigrationId, RolloutRow>, JournalError> {
    let mut found = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let rows = setup.journal.rollouts(&setup.scope()).await?;
    let began = rows.into_iter().filter(|row| row.sequence > 0);
    for row in began.take(NEWEST) {
        let Some(stored) = setup.journal.rollout(&row.id).await? else {
            continue;
        };
        for planned in &stored.plan.migrations {
            if wanted.remove(&planned.id) {
                found.insert(planned.id.clone(), row.clone());
            }
        }
        if wanted.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// As a clause: `it came with rollout … of 2026-11-22`.
pub fn came_with(row: &RolloutRow) -> String {
    format!(
        "it came with rollout {} of {}",
        row.id,
        row.begun.strftime("%F")
    )
}
