//! Programs beside servers that tests use: where `scripts/setup-lab` has put them, or where the machine has them.

use std::path::PathBuf;

/// Where a program is: on PATH, or in the lab's cache. Loud, or a failure where `GREYLAG_LAB_REQUIRE` names it, if it is nowhere.
///
/// # Panics
/// See above.
#[must_use]
pub fn tool(name: &str) -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).map(|folder| folder.join(name));
    let unpacked = crate::installation::cache_folders()
        .into_iter()
        .map(|folder| folder.join("percona-toolkit").join("bin").join(name));
    let found = on_path.chain(unpacked).find(|path| path.is_file());
    if found.is_none() {
        let required = std::env::var("GREYLAG_LAB_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|word| word.trim() == name),
            "required by GREYLAG_LAB_REQUIRE={required}: {name} is not on this machine"
        );
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        eprintln!(
            "\n##### SKIPPED: {test}: no {name} here: run scripts/setup-lab, or install percona-toolkit\n"
        );
    }
    found
}
