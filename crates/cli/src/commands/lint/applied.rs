//! What must not be rewritten any more, because some database has it: by the fleet that was looked at, else by the journal of
//! this machine.

use super::scope::{Scope, id_of};
use crate::problem::Problem;
use greylag_core::{
    event::Event,
    migration::{MigrationId, Version},
};
use greylag_orchestrator::{
    files::FoundFile,
    journal::{self, Location},
};
use std::collections::BTreeSet;

/// What some shard is known to have.
#[derive(Debug, Default)]
pub(super) struct Applied {
    ids: BTreeSet<MigrationId>,
    /// The highest version that any shard had.
    highest: Option<Version>,
    /// Of the fleet: whatever isn't new to it.
    new: Option<BTreeSet<MigrationId>>,
}

impl Applied {
    /// Asks nobody: what was seen is known, and a journal in a file is read.
    pub(super) async fn of(scope: &Scope) -> Result<Applied, Problem> {
        if scope.seen.is_some() {
            return Ok(Applied {
                new: Some(scope.pending.clone()),
                ..Applied::default()
            });
        }
        let mut applied = Applied::default();
        let Some((state @ Location::Sqlite { .. }, kept)) = &scope.journal else {
            return Ok(applied);
        };
        let journal = journal::look(state).await?;
        for rollout in journal.rollouts(kept).await? {
            for stamped in journal.events(&rollout.id, 0).await? {
                if let Event::MigrationApplied { migration, .. } = stamped.event {
                    applied.ids.insert(migration);
                }
            }
        }
        for shard in journal.known(kept).await? {
            let version = shard.version.and_then(|version| version.parse().ok());
            applied.highest = applied.highest.max(version);
        }
        Ok(applied)
    }

    /// Why a file is left as it is, if some database has it.
    pub(super) fn why(&self, file: &FoundFile) -> Option<String> {
        let id = id_of(file)?;
        if let Some(new) = &self.new {
            return (!new.contains(&id)).then(|| "some shard has it, or none could say".to_owned());
        }
        if self.ids.contains(&id) {
            return Some("the journal knows it as applied".to_owned());
        }
        match (&id, &self.highest) {
            (MigrationId::Versioned(version), Some(highest)) if version <= highest => {
                Some(format!("a shard has had version {highest}"))
            }
            _ => None,
        }
    }
}
