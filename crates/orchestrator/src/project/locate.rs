//! Finds the project file.

use std::path::{Path, PathBuf};

pub const FILE_NAME: &str = "greylag.toml";

/// The nearest `greylag.toml` in a folder or above it.
pub fn locate(from: &Path) -> Option<PathBuf> {
    from.ancestors()
        .map(|folder| folder.join(FILE_NAME))
        .find(|file| file.is_file())
}
