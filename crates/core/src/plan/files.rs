//! The files on disk in the order they run, each with a number that stands for it while planning.

use super::error::PlanError;
use crate::migration::{Migration, MigrationId, Phase, Version};
use std::collections::HashMap;

/// Versions in order, then repeatables by description; undo files stand apart.
pub(super) struct Files<'a> {
    ordered: Vec<&'a Migration>,
    undo: HashMap<&'a Version, &'a Migration>,
    numbers: HashMap<&'a MigrationId, u32>,
}

impl<'a> Files<'a> {
    pub fn of(migrations: &'a [Migration]) -> Result<Self, PlanError> {
        let mut ordered = Vec::new();
        let mut undo = HashMap::new();
        for migration in migrations {
            match &migration.id {
                MigrationId::Undo(version) => {
                    if let Some(other) = undo.insert(version, migration) {
                        return Err(duplicate(other, migration));
                    }
                }
                MigrationId::Versioned(_) | MigrationId::Repeatable(_) => ordered.push(migration),
            }
        }
        ordered.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(pair) = ordered.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(duplicate(pair[0], pair[1]));
        }
        let numbers = (0u32..)
            .zip(&ordered)
            .map(|(number, migration)| (&migration.id, number))
            .collect();
        Ok(Self {
            ordered,
            undo,
            numbers,
        })
    }

    pub fn number(&self, id: &MigrationId) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    pub fn get(&self, number: u32) -> &'a Migration {
        self.ordered[number as usize]
    }

    pub fn undo_of(&self, version: &Version) -> Option<&'a Migration> {
        self.undo.get(version).copied()
    }

    /// Versions in order.
    pub fn versioned(&self) -> impl DoubleEndedIterator<Item = (u32, &'a Version, &'a Migration)> {
        (0u32..self.ordered.len() as u32).filter_map(|number| match &self.get(number).id {
            MigrationId::Versioned(version) => Some((number, version, self.get(number))),
            _ => None,
        })
    }

    /// Whether a migration up to this one is of a phase that may be held while others go on.
    pub fn may_be_behind_held(&self, number: u32) -> bool {
        self.ordered[..=number as usize]
            .iter()
            .any(|migration| migration.directives.phase != Phase::Expand)
    }
}

fn duplicate(first: &Migration, second: &Migration) -> PlanError {
    PlanError::DuplicateMigration {
        id: first.id.clone(),
        first: first.script.clone(),
        second: second.script.clone(),
    }
}
