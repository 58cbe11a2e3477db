//! Folders that vanish: for fleets of SQLite files, projects, state stores. They go when dropped, or with the process.

use std::io;
use std::path::{Path, PathBuf};

use crate::root;

/// A folder of one test, on tmpfs where there is room.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes an empty folder.
    pub fn new() -> io::Result<Scratch> {
        let path = root::root()?.place("x");
        std::fs::create_dir(&path)?;
        Ok(Scratch { path })
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The URL of a SQLite file in it, which need not exist yet.
    #[must_use]
    pub fn sqlite_url(&self, name: &str) -> String {
        format!("sqlite:{}", self.file(name).display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
