//! Where hunts begin: seeds of the tree, and real migrations where they lie beside it.

use crate::Target;
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// A longer file is cut: it is the mutations that count, and they are quicker on short ones.
const LONGEST: usize = 2 * 1024;

/// The seeds of a target, in the same order each time; with those of the corpora beside the tree, or without.
pub fn of(target: &Target, with_corpora: bool) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = vec![Vec::new()];
    let own = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target.seeds);
    seeds.extend(files(&own, &|_| true).iter().filter_map(|path| read(path)));
    if let Some(corpora) = corpora().filter(|_| with_corpora && !target.corpora.is_empty()) {
        let fits = |path: &Path| {
            let first = path
                .strip_prefix(&corpora)
                .ok()
                .and_then(|path| path.components().next())
                .and_then(|part| part.as_os_str().to_str().map(str::to_owned));
            first.is_some_and(|first| target.corpora.iter().any(|end| first.ends_with(end)))
                && path.extension().is_some_and(|end| end == "sql")
        };
        let found = files(&corpora, &fits);
        // Names are what a target of names wants.
        seeds.extend(found.iter().filter_map(|path| match target.by_name {
            true => Some(path.file_name()?.to_str()?.as_bytes().to_vec()),
            false => read(path),
        }));
    }
    seeds.dedup();
    seeds
}

/// `GREYLAG_CORPORA`, or beside the repository; none is no mistake.
fn corpora() -> Option<PathBuf> {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let given = env::var_os("GREYLAG_CORPORA").map(PathBuf::from);
    // A worktree lies a level deeper than the repository itself.
    let beside = ["../../shared/corpora", "../../../shared/corpora"].map(|path| tree.join(path));
    given.into_iter().chain(beside).find(|path| path.is_dir())
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = fs::read(path).ok()?;
    bytes.truncate(LONGEST);
    Some(bytes)
}

fn files(folder: &Path, fits: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path, fits));
        } else if fits(&path) {
            found.push(path);
        }
    }
    found
}
