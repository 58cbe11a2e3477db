//! Where the real migration histories are, for tests. They are no part of the repository.

use std::path::PathBuf;

/// The corpora's folder (`GREYLAG_CORPORA`, or beside the repository); says so loudly where there is none.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora");
    // A worktree lies a level deeper than the repository itself.
    let deeper = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/corpora");
    let given = std::env::var_os("GREYLAG_CORPORA").map(PathBuf::from);
    let candidates = given.into_iter().chain([beside.into(), deeper.into()]);
    let found = candidates
        .into_iter()
        .find(|path| path.join("_flyway").is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: no corpora beside the repository; set GREYLAG_CORPORA to their folder");
    }
    found
}
