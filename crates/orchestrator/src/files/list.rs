//! Lists migration files with their bytes, whatever is wrong with their text: for a review, which says that itself.

use super::{FileFault, read_bytes, walk::walk};
use greylag_core::migration::{FileName, Skipped, Version};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// A file that is a migration by its name, or nearly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Relative to its migrations folder, with `/` between.
    pub script: String,
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    /// Script and bytes of its `.conf`.
    pub config: Option<(String, Vec<u8>)>,
}

/// All files of the folders in the order in which they run: versions, then repeatables, undos and what has no migration's name.
pub fn list_folders(folders: &[PathBuf]) -> (Vec<FoundFile>, Vec<FileFault>) {
    let mut faults = Vec::new();
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for folder in folders {
        let mut entries = Vec::new();
        walk(folder, &mut entries, &mut faults);
        let paths: BTreeMap<&str, &PathBuf> = entries
            .iter()
            .map(|entry| (entry.script.as_str(), &entry.path))
            .collect();
        for entry in &entries {
            let is_none = matches!(
                FileName::parse(&entry.script),
                Ok(Err(Skipped::Suffix | Skipped::Prefix | Skipped::Config))
            );
            if is_none || !seen.insert(entry.identity()) {
                continue;
            }
            let config = format!("{}.conf", entry.script);
            let config = match paths.get(config.as_str()) {
                None => Ok(None),
                Some(path) => read_bytes(path).map(|bytes| Some((config, bytes))),
            };
            match (read_bytes(&entry.path), config) {
                (Ok(bytes), Ok(config)) => found.push(FoundFile {
                    script: entry.script.clone(),
                    path: entry.path.clone(),
                    bytes,
                    config,
                }),
                (bytes, config) => {
                    faults.extend(bytes.err().into_iter().flatten());
                    faults.extend(config.err().into_iter().flatten());
                }
            }
        }
    }
    found.sort_by_cached_key(|file| (order(&file.script), file.script.clone()));
    (found, faults)
}

fn order(script: &str) -> (u8, Option<Version>) {
    use greylag_core::migration::MigrationId as Id;
    match FileName::parse(script) {
        Ok(Ok(name)) => match name.id {
            Id::Versioned(version) => (0, Some(version)),
            Id::Repeatable(_) => (1, None),
            Id::Undo(version) => (2, Some(version)),
        },
        _ => (3, None),
    }
}
