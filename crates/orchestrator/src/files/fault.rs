//! What is wrong with migrations folders.

use greylag_core::migration::MigrationError;
use std::{fmt, io, path::PathBuf};

/// Every fault of all folders, at once.
#[derive(Debug, thiserror::Error)]
pub struct FilesError {
    pub faults: Vec<FileFault>,
}

#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    #[error("the migrations folder {} is missing", path.display())]
    NoFolder { path: PathBuf },
    #[error("{} is no folder", path.display())]
    NotAFolder { path: PathBuf },
    #[error("{} can't be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the name of {} is not UTF-8", path.display())]
    Name { path: PathBuf },
    #[error("{} links to a folder that it lies in", path.display())]
    Circle { path: PathBuf },
    #[error("{} belongs to no migration: the `.sql` file beside it is missing", path.display())]
    LoneConfig { path: PathBuf },
    /// `path` is where the file is; the error knows the place within.
    #[error("{error}")]
    File {
        path: PathBuf,
        error: MigrationError,
    },
}

impl FileFault {
    /// How to mend it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            FileFault::NoFolder { .. } => "Create it, or correct `migrations` in greylag.toml.",
            FileFault::NotAFolder { .. } => "Name the folder that holds the files.",
            FileFault::Unreadable { .. } => "Let this user read it.",
            FileFault::Name { .. } => "Rename it with plain letters.",
            FileFault::Circle { .. } => "Remove the link.",
            FileFault::LoneConfig { .. } => {
                "Name it as its migration is named, with `.conf` behind, or remove it."
            }
            FileFault::File { error, .. } => return error.hint.clone(),
        };
        Some(hint.to_owned())
    }
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.faults.len() {
            1 => write!(f, "the migrations have a fault")?,
            faults => write!(f, "the migrations have {faults} faults")?,
        }
        for fault in &self.faults {
            write!(f, "\n  {fault}")?;
        }
        Ok(())
    }
}
