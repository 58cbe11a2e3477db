//! Which rollout brought a migration, as the journal has it: a checkout without its file may merely be older than its fleet.

use crate::{
    journal::{JournalError, RolloutRow},
    setup::Setup,
};
use greylag_core::migration::MigrationId;
use std::collections::{BTreeMap, BTreeSet};

/// So many rollouts are looked through, the newest first: what came before them is no news to any checkout.
const NEWEST: u32 = 200;

/// The newest rollout that had each of these in its plan; those that none had are left out.
pub async fn origins(
    setup: &Setup,
    mut wanted: BTreeSet<MigrationId>,
) -> Result<BTreeMap<MigrationId, RolloutRow>, JournalError> {
    let mut found = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    for one in setup.journal.planned(&setup.scope(), NEWEST).await? {
        for planned in one.migrations {
            if wanted.remove(&planned.id) {
                found.insert(planned.id, one.row.clone());
            }
        }
    }
    Ok(found)
}

/// What was asked for already, with what came of it: nothing that is applied comes anew.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<MigrationId, Option<RolloutRow>>);

impl Origins {
    /// Asks the journal for those of them that it was not asked for yet.
    pub async fn look_up(
        &mut self,
        setup: &Setup,
        wanted: BTreeSet<MigrationId>,
    ) -> Result<(), JournalError> {
        let is_new = |id: &MigrationId| !self.0.contains_key(id);
        let new: BTreeSet<MigrationId> = wanted.into_iter().filter(is_new).collect();
        let mut found = origins(setup, new.clone()).await?;
        let asked = new.into_iter().map(|id| (found.remove(&id), id));
        self.0.extend(asked.map(|(row, id)| (id, row)));
        Ok(())
    }

    pub fn get(&self, id: &MigrationId) -> Option<&RolloutRow> {
        self.0.get(id)?.as_ref()
    }
}

/// As a clause: `it came with rollout … of 2026-11-22`.
pub fn came_with(row: &RolloutRow) -> String {
    format!(
        "it came with rollout {} of {}",
        row.id,
        row.begun.strftime("%F")
    )
}
