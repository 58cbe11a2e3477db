//! A shard's file as the file system tells of it, without ever opening it.
//!
//! Knows paths, inodes, permissions and file systems; knows no SQL.

use super::location::{Location, Mode};
use rustix::fs::{Access, AtFlags, CWD};
use std::{
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A file that was found fit to be a shard.
#[derive(Clone, Debug)]
pub(super) struct ShardFile {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    pub mode: Mode,
}

/// Why a path can't be a shard.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("there is no file {}; to create a new, empty shard there, add `?mode=rwc` to its URL", .0.display())]
    Missing(PathBuf),
    #[error("the folder {} does not exist", .0.display())]
    NoFolder(PathBuf),
    #[error("{} is a folder; name the database file in it", .0.display())]
    Folder(PathBuf),
    #[error("{} is not a regular file", .0.display())]
    Special(PathBuf),
    #[error("{} is not a database: its contents are not SQLite's", .0.display())]
    NotADatabase(PathBuf),
    #[error("{} is on {kind}, where file locks can't be trusted to keep two writers apart", path.display())]
    Network { path: PathBuf, kind: &'static str },
    #[error("{} can't be reached", path.display())]
    Inaccessible {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("SQLite can't open {}", path.display())]
    Sqlite {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
}

impl ShardFile {
    /// Looks at the path that a URL names.
    pub fn find(location: &Location) -> Result<ShardFile, FileError> {
        let path = match std::fs::canonicalize(&location.path) {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => absent(location)?,
            Err(source) => return Err(inaccessible(&location.path, source)),
        };
        match std::fs::metadata(&path) {
            Ok(seen) if seen.is_dir() => return Err(FileError::Folder(path)),
            // A pipe or a device would block or swallow what SQLite writes.
            Ok(seen) if !seen.is_file() => return Err(FileError::Special(path)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(inaccessible(&path, source)),
        }
        let folder = path.parent().unwrap_or(Path::new("/"));
        if let Some(kind) = network(folder) {
            return Err(FileError::Network { path, kind });
        }
        Ok(ShardFile {
            path,
            mode: location.mode,
        })
    }

    /// What tells this file from any other, whatever name it is called by.
    ///
    /// The canonical path sees through symbolic links. A file with several hard links has no one path, so it is named
    /// by its inode; no other file is, for inodes change when a file is restored and devices when a machine restarts.
    pub fn lineage(&self) -> String {
        match std::fs::metadata(&self.path) {
            Ok(seen) if seen.nlink() > 1 => format!("inode {}:{}", seen.dev(), seen.ino()),
            _ => self.path.display().to_string(),
        }
    }

    /// Whether the file is yet to be made, as its URL asks.
    pub fn is_absent(&self) -> bool {
        self.mode == Mode::Create && !self.path.exists()
    }

    /// How many names the file has.
    pub fn names(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(1, |seen| seen.nlink())
    }

    /// Why the file can't be written, as far as permissions and file system say.
    pub fn unwritable(&self) -> Option<&'static str> {
        if self.mode == Mode::Read {
            return Some("its URL says mode=ro");
        }
        if !self.is_absent() && !may_write(&self.path) {
            return Some("this user may not write the file");
        }
        // SQLite puts its journal, and Greylag its lock, beside the file.
        if !may_write(self.path.parent().unwrap_or(Path::new("/"))) {
            return Some("this user may not write the folder, where SQLite keeps its journal");
        }
        None
    }

    pub fn lock_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".greylag-lock");
        name.into()
    }
}

/// The path that a missing file would have.
fn absent(location: &Location) -> Result<PathBuf, FileError> {
    let folder = match location.path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = std::fs::canonicalize(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FileError::NoFolder(folder.to_owned()),
        _ => inaccessible(folder, error),
    })?;
    match (location.mode, location.path.file_name()) {
        (Mode::Create, Some(name)) => Ok(folder.join(name)),
        _ => Err(FileError::Missing(location.path.clone())),
    }
}

fn inaccessible(path: &Path, source: io::Error) -> FileError {
    FileError::Inaccessible {
        path: path.to_owned(),
        source,
    }
}

fn may_write(path: &Path) -> bool {
    rustix::fs::accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

#[cfg(target_os = "linux")]
fn network(folder: &Path) -> Option<&'static str> {
    let seen = rustix::fs::statfs(folder).ok()?;
    // The file systems' own magic numbers, from statfs(2).
    match seen.f_type as u64 & 0xffff_ffff {
        0x6969 => Some("NFS"),
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => Some("SMB"),
        _ => None,
    }
}

#[cfg(not(target_os = "linux"))]
fn network(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &Path, mode: Mode) -> Result<ShardFile, FileError> {
        ShardFile::find(&Location {
            path: path.to_owned(),
            mode,
        })
    }

    #[test]
    fn a_missing_file_is_an_error_unless_the_url_asks_for_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let error = find(&path, Mode::Write).unwrap_err();
        assert!(error.to_string().contains("mode=rwc"), "{error}");
        assert!(find(&path, Mode::Create).is_ok());
        assert!(!path.exists(), "looking creates nothing");
        let error = find(&folder.path().join("no/a.db"), Mode::Create).unwrap_err();
        assert!(matches!(error, FileError::NoFolder(_)), "{error}");
    }

    #[test]
    fn a_folder_and_a_device_are_no_shards() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            find(folder.path(), Mode::Write),
            Err(FileError::Folder(_))
        ));
        assert!(matches!(
            find(Path::new("/dev/null"), Mode::Write),
            Err(FileError::Special(_))
        ));
    }

    #[test]
    fn links_of_both_kinds_show_one_lineage_and_a_copy_another() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("a.db"), "").unwrap();
        std::fs::write(at("copy.db"), "").unwrap();
        std::os::unix::fs::symlink(at("a.db"), at("soft.db")).unwrap();
        let lineage = |name: &str| find(&at(name), Mode::Write).unwrap().lineage();
        assert_eq!(lineage("a.db"), lineage("soft.db"));
        assert_ne!(lineage("a.db"), lineage("copy.db"));
        std::fs::hard_link(at("a.db"), at("hard.db")).unwrap();
        assert_eq!(lineage("a.db"), lineage("hard.db"));
        assert_eq!(lineage("soft.db"), lineage("hard.db"));
    }
}
