//! Reads migrations folders from disk, as Flyway reads its locations: all files, all depths, all faults at once.
//!
//! Knows folders and links; what a file's name and text mean is `greylag_core::migration`'s.

mod fault;
mod list;
mod walk;

pub use fault::{FileFault, FilesError};
pub use list::{FoundFile, list_folders};

use greylag_core::migration::{FileName, Migration, MigrationError, Set, Skipped};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};
use walk::{Entry, walk};

/// What the folders hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    pub set: Set,
    /// Files that end with `.sql` and are no migrations by their name; Flyway passes over them as well.
    pub passed_over: Vec<PathBuf>,
}

/// Reads all folders. A file that two of them reach is read once.
pub fn read_folders(folders: &[PathBuf]) -> Result<Files, FilesError> {
    let mut faults = Vec::new();
    let mut read = Read::default();
    for folder in folders {
        let mut entries = Vec::new();
        walk(folder, &mut entries, &mut faults);
        read.take(&entries, &mut faults);
    }
    let paths = read.paths;
    match Set::new(read.migrations) {
        Ok(set) if faults.is_empty() => {
            return Ok(Files {
                set,
                passed_over: read.passed_over,
            });
        }
        Ok(_) => {}
        Err(duplicates) => faults.extend(duplicates.into_iter().map(|error| {
            let path = paths.get(&error.script).cloned().unwrap_or_default();
            FileFault::File { path, error }
        })),
    }
    Err(FilesError { faults })
}

#[derive(Default)]
struct Read {
    migrations: Vec<Migration>,
    passed_over: Vec<PathBuf>,
    /// Where each script is, for faults that are found later.
    paths: BTreeMap<String, PathBuf>,
    /// What was read already, by another folder or link, under the same name.
    seen: BTreeSet<(PathBuf, String)>,
}

impl Read {
    fn take(&mut self, entries: &[Entry], faults: &mut Vec<FileFault>) {
        let configs: BTreeMap<&str, &Entry> = entries
            .iter()
            .filter_map(|entry| Some((entry.script.strip_suffix(".conf")?, entry)))
            .collect();
        let scripts: BTreeSet<&str> = entries.iter().map(|entry| entry.script.as_str()).collect();
        for entry in entries {
            match FileName::parse(&entry.script) {
                Ok(Err(Skipped::Suffix)) => {}
                Ok(Err(Skipped::Prefix)) => self.passed_over.push(entry.path.clone()),
                Ok(Err(Skipped::Config)) => {
                    let script = entry.script.strip_suffix(".conf");
                    if !script.is_some_and(|script| scripts.contains(script)) {
                        faults.push(FileFault::LoneConfig {
                            path: entry.path.clone(),
                        });
                    }
                }
                // A name that looks like a migration's and is none is told with the file's other faults.
                Ok(Ok(_)) | Err(_) if !self.seen.insert(entry.identity()) => {}
                Ok(Ok(_)) | Err(_) => {
                    let config = configs.get(entry.script.as_str()).copied();
                    match read_file(entry, config) {
                        Ok(migration) => {
                            self.paths.insert(entry.script.clone(), entry.path.clone());
                            self.migrations.push(migration);
                        }
                        Err(told) => faults.extend(told),
                    }
                }
            }
        }
    }
}

fn read_file(entry: &Entry, config: Option<&Entry>) -> Result<Migration, Vec<FileFault>> {
    let bytes = read_bytes(&entry.path)?;
    let config = match config {
        Some(config) => Some((config, read_bytes(&config.path)?)),
        None => None,
    };
    let given = config
        .as_ref()
        .map(|(config, bytes)| (config.script.as_str(), bytes.as_slice()));
    Migration::read(&entry.script, &bytes, given).map_err(|errors| {
        let path = |error: &MigrationError| match &config {
            Some((config, _)) if config.script == error.script => config.path.clone(),
            _ => entry.path.clone(),
        };
        let fault = |error| FileFault::File {
            path: path(&error),
            error,
        };
        errors.into_iter().map(fault).collect()
    })
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Vec<FileFault>> {
    fs::read(path).map_err(|source| {
        let path = path.to_owned();
        vec![FileFault::Unreadable { path, source }]
    })
}

#[cfg(test)]
mod tests;
