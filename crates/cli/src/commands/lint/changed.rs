//! What git says has changed.

use crate::problem::Problem;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Files that differ from the revision, and those that git does not know.
pub(super) fn changed_since(revision: &str, folder: &Path) -> Result<BTreeSet<PathBuf>, Problem> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut found = BTreeSet::new();
    let asked = [
        vec![
            "diff",
            "--name-only",
            "-z",
            "--relative",
            revision,
            "--",
            ".",
        ],
        vec![
            "ls-files",
            "--others",
            "--exclude-standard",
            "-z",
            "--",
            ".",
        ],
    ];
    for arguments in asked {
        let answer = std::process::Command::new("git")
            .arg("-C")
            .arg(&folder)
            .args(&arguments)
            .output()
            .map_err(|error| {
                Problem::usage("git can't be run, which `--since` needs").because(&error)
            })?;
        if !answer.status.success() {
            let said = String::from_utf8_lossy(&answer.stderr);
            let said = said
                .lines()
                .next()
                .unwrap_or("it gave no reason")
                .to_owned();
            return Err(Problem::usage(format!(
                "git does not tell what changed since `{revision}`: {said}"
            )));
        }
        let names = answer.stdout.split(|byte| *byte == 0);
        for name in names.filter(|name| !name.is_empty()) {
            let name = String::from_utf8_lossy(name).into_owned();
            let path = folder.join(name);
            found.insert(path.canonicalize().unwrap_or(path));
        }
    }
    Ok(found)
}
