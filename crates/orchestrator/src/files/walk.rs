//! All files of a folder, at all depths, in order of their names. Links are followed, never in circles.

use super::FileFault;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A file as it was found.
#[derive(Debug)]
pub(super) struct Entry {
    /// Relative to its migrations folder, with `/` between.
    pub(super) script: String,
    pub(super) path: PathBuf,
    /// Without links.
    pub(super) real: PathBuf,
}

impl Entry {
    /// The same file under the same name is the same migration, whichever way leads there.
    pub(super) fn identity(&self) -> (PathBuf, String) {
        let name = self.script.rsplit('/').next().unwrap_or(&self.script);
        (self.real.clone(), name.to_owned())
    }
}

pub(super) fn walk(folder: &Path, entries: &mut Vec<Entry>, faults: &mut Vec<FileFault>) {
    let path = folder.to_owned();
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => match folder.canonicalize() {
            Ok(real) => descend(folder, "", &mut vec![real], entries, faults),
            Err(source) => faults.push(FileFault::Unreadable { path, source }),
        },
        Ok(_) => faults.push(FileFault::NotAFolder { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            faults.push(FileFault::NoFolder { path });
        }
        Err(source) => faults.push(FileFault::Unreadable { path, source }),
    }
}

/// `above` are the folders that this one lies in, itself included, without links.
fn descend(
    folder: &Path,
    prefix: &str,
    above: &mut Vec<PathBuf>,
    entries: &mut Vec<Entry>,
    faults: &mut Vec<FileFault>,
) {
    let listed = fs::read_dir(folder).and_then(|entries| {
        let paths = entries.map(|entry| Ok(entry?.path()));
        paths.collect::<io::Result<Vec<PathBuf>>>()
    });
    let mut paths = match listed {
        Ok(paths) => paths,
        Err(source) => {
            let path = folder.to_owned();
            return faults.push(FileFault::Unreadable { path, source });
        }
    };
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name() else {
            continue;
        };
        let Some(name) = name.to_str() else {
            if speaks_sql(&name.to_string_lossy()) {
                faults.push(FileFault::Name { path });
            }
            continue;
        };
        let script = format!("{prefix}{name}");
        match path
            .canonicalize()
            .and_then(|real| Ok((fs::metadata(&real)?.is_dir(), real)))
        {
            Ok((true, real)) if above.contains(&real) => faults.push(FileFault::Circle { path }),
            Ok((true, real)) => {
                above.push(real);
                descend(&path, &format!("{script}/"), above, entries, faults);
                above.pop();
            }
            Ok((false, real)) => entries.push(Entry { script, path, real }),
            // A broken link matters only where it would be a migration.
            Err(source) if speaks_sql(name) => faults.push(FileFault::Unreadable { path, source }),
            Err(_) => {}
        }
    }
}

fn speaks_sql(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with(".sql") || lower.ends_with(".sql.conf")
}
