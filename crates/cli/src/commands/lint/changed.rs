//! What git says has changed.

use crate::problem::Problem;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// What a branch did to the files of some folders.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Files that are other than they were, and new ones.
    pub(super) all: BTreeSet<PathBuf>,
    /// Those that were not there.
    pub(super) added: BTreeSet<PathBuf>,
}

impl Changed {
    /// Adds what changed within a folder since the branch left the revision, and what git does not know.
    pub(super) fn look(&mut self, revision: &str, folder: &Path) -> Result<(), Problem> {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        // What the other branch has gained meanwhile is none of this one's changes.
        let left = base(revision, &folder)?;
        let differ = |filter: &'static str| {
            let words = [
                "diff",
                "--name-only",
                "--no-renames",
                filter,
                "-z",
                "--relative",
            ];
            let words = words.into_iter().chain([left.as_str(), "--", "."]);
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let unknown = [
            "ls-files",
            "--others",
            "--exclude-standard",
            "-z",
            "--",
            ".",
        ];
        let unknown = unknown.map(str::to_owned).to_vec();
        for (arguments, is_new) in [
            (differ("--diff-filter=A"), true),
            (differ("--diff-filter=a"), false),
            (unknown, true),
        ] {
            let answer = ask(revision, &folder, &arguments)?;
            let names = answer.split(|byte| *byte == 0);
            for name in names.filter(|name| !name.is_empty()) {
                let name = String::from_utf8_lossy(name).into_owned();
                let path = folder.join(name);
                let path = path.canonicalize().unwrap_or(path);
                if is_new {
                    self.added.insert(path.clone());
                }
                self.all.insert(path);
            }
        }
        Ok(())
    }
}

/// Where the branch left the revision; the revision itself where their histories have nothing in common, or too little of it
/// was fetched.
fn base(revision: &str, folder: &Path) -> Result<String, Problem> {
    let words = |all: &[&str]| {
        all.iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let commit = format!("{revision}^{{commit}}");
    ask(
        revision,
        folder,
        &words(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &commit,
        ]),
    )?;
    let both = words(&["merge-base", revision, "HEAD"]);
    let found = ask(revision, folder, &both).unwrap_or_default();
    let found = String::from_utf8_lossy(&found).trim().to_owned();
    Ok(if found.is_empty() {
        revision.to_owned()
    } else {
        found
    })
}

fn ask(revision: &str, folder: &Path, arguments: &[String]) -> Result<Vec<u8>, Problem> {
    let answer = std::process::Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .map_err(|error| {
            Problem::usage("git can't be run, which `--since` needs").because(&error)
        })?;
    if answer.status.success() {
        return Ok(answer.stdout);
    }
    let said = String::from_utf8_lossy(&answer.stderr);
    let said = said.lines().next().unwrap_or("it has no such revision");
    Err(Problem::usage(format!(
        "git does not tell what changed since `{revision}`: {said}"
    )))
}
