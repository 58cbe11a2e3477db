//! SQLite files by pattern. Looks at names only: a file is never opened here, for that would drop its locks.

use super::{error::Trouble, record::Record};
use crate::project::{Address, Naming};
use serde_json::Value;
use std::{
    io,
    path::{Path, PathBuf},
};

/// Files that SQLite and greylag put beside a database.
const BESIDE: [&str; 4] = ["-wal", "-shm", "-journal", ".greylag-lock"];

pub(crate) fn rows(pattern: &str, naming: &Naming, folder: &Path) -> Result<Vec<Record>, Trouble> {
    let whole = folder.join(pattern);
    let whole = whole
        .to_str()
        .ok_or_else(|| Trouble::new("the pattern is not valid UTF-8"))?;
    let matcher = globset::GlobBuilder::new(whole)
        .literal_separator(true)
        .build()
        .map_err(|error| Trouble::new(format!("the pattern can't be read: {}", error.kind())))?
        .compile_matcher();
    let start = fixed_part(whole);
    let mut files = Vec::new();
    walk(&start, &mut |file| {
        if matcher.is_match(file) && !is_beside(file) {
            files.push(file.to_owned());
        }
    })
    .map_err(|error| Trouble::new(format!("{} can't be read: {error}", start.display())))?;
    files.sort();
    files.iter().map(|file| record(file, naming)).collect()
}

fn record(file: &Path, naming: &Naming) -> Result<Record, Trouble> {
    let stem = file
        .file_stem()
        .and_then(|name| name.to_str())
        .ok_or_else(|| {
            Trouble::new(format!("the name of {} is not valid UTF-8", file.display()))
        })?;
    let parent = file.parent().and_then(Path::file_name);
    let parent = parent.and_then(|name| name.to_str()).unwrap_or_default();
    let address = Address::of_file(file).map_err(|error| Trouble::new(error.to_string()))?;
    let mut record = Record::new();
    record.insert("name".into(), naming.call(stem, parent).into());
    record.insert("primary".into(), Value::from(address.url.as_str()));
    Ok(record)
}

/// The folder above the first part of the pattern that matches more than itself.
fn fixed_part(pattern: &str) -> PathBuf {
    let mut start = PathBuf::new();
    for part in Path::new(pattern).components() {
        let text = part.as_os_str().to_string_lossy();
        if text.contains(['*', '?', '[', '{']) {
            return start;
        }
        start.push(part);
    }
    start.parent().map(Path::to_owned).unwrap_or(start)
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&path, visit)?;
        } else if kind.is_file() || path.is_file() {
            visit(&path);
        }
    }
    Ok(())
}

fn is_beside(file: &Path) -> bool {
    let name = file.to_string_lossy();
    BESIDE.iter().any(|ending| name.ends_with(ending))
}
