//! All migrations of a project, in the order they run.

use super::{
    Migration, MigrationId,
    error::{Fault, MigrationError},
};
use std::collections::BTreeMap;

/// All files of a project: no version and no repeatable description twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// Versions in order, repeatables by description, then undos by version.
    migrations: Vec<Migration>,
}

impl Set {
    /// Sorts them; every duplicate is told, with both files.
    pub fn new(mut migrations: Vec<Migration>) -> Result<Set, Vec<MigrationError>> {
        migrations.sort_by(|a, b| a.id.cmp(&b.id).then_with(|| a.script.cmp(&b.script)));
        let errors: Vec<MigrationError> = migrations
            .windows(2)
            .filter(|pair| pair[0].id == pair[1].id)
            .map(|pair| duplicate(&pair[0], &pair[1]))
            .collect();
        if errors.is_empty() {
            Ok(Set { migrations })
        } else {
            Err(errors)
        }
    }

    pub fn as_slice(&self) -> &[Migration] {
        &self.migrations
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Migration> {
        self.migrations.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.migrations.is_empty()
    }

    pub fn len(&self) -> usize {
        self.migrations.len()
    }

    pub fn get(&self, id: &MigrationId) -> Option<&Migration> {
        let at = self.migrations.binary_search_by(|m| m.id.cmp(id)).ok()?;
        Some(&self.migrations[at])
    }

    pub fn versioned(&self) -> impl Iterator<Item = &Migration> {
        self.iter()
            .filter(|m| matches!(m.id, MigrationId::Versioned(_)))
    }

    pub fn repeatables(&self) -> impl Iterator<Item = &Migration> {
        self.iter().filter(|m| m.id.is_repeatable())
    }

    pub fn undos(&self) -> impl Iterator<Item = &Migration> {
        self.iter().filter(|m| matches!(m.id, MigrationId::Undo(_)))
    }

    pub fn into_vec(self) -> Vec<Migration> {
        self.migrations
    }

    /// The checksum that each file has in the history table: of repeatables, after placeholders.
    /// Every placeholder without a value is told, file by file.
    pub fn checksums(
        &self,
        placeholders: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<MigrationId, i32>, Vec<MigrationError>> {
        let mut checksums = BTreeMap::new();
        let mut errors = Vec::new();
        for migration in &self.migrations {
            if !migration.id.is_repeatable() && !super::placeholder::has_any(migration) {
                checksums.insert(migration.id.clone(), migration.checksum);
                continue;
            }
            match super::placeholder::replace(migration, placeholders) {
                Ok(text) => {
                    let checksum = super::placeholder::checksum(migration, &text);
                    checksums.insert(migration.id.clone(), checksum);
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(checksums)
        } else {
            Err(errors)
        }
    }
}

impl<'a> IntoIterator for &'a Set {
    type Item = &'a Migration;
    type IntoIter = std::slice::Iter<'a, Migration>;
    fn into_iter(self) -> Self::IntoIter {
        self.migrations.iter()
    }
}

fn duplicate(first: &Migration, second: &Migration) -> MigrationError {
    let other = first.script.clone();
    let fault = match &second.id {
        MigrationId::Repeatable(description) => Fault::DuplicateRepeatable {
            description: description.clone(),
            other,
        },
        MigrationId::Versioned(version) | MigrationId::Undo(version) => Fault::DuplicateVersion {
            version: version.to_string(),
            other,
        },
    };
    let hint = "Rename one of them; no shard must have it applied yet.".to_owned();
    MigrationError::new(
        &second.script,
        &second.text.clone().into(),
        0..0,
        fault,
        hint,
    )
}
