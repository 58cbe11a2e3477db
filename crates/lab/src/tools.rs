//! Programs beside servers that tests use: where `scripts/setup-lab` has put them, or where the machine has them.

use std::path::PathBuf;

/// Where a program is: on PATH, or in the lab's cache. Loud, or a failure where `GREYLAG_LAB_REQUIRE` names it, if it is nowhere.
///
/// # Panics
/// See above.
#[must_use]
pub fn tool(name: &str) -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    let found = (on_path.into_iter().chain(unpacked(name)))
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        let required = std::env::var("GREYLAG_LAB_REQUIRE").unwrap_or_default();
        assert!(
            !required.split(',').any(|word| word.trim() == name),
            "required by GREYLAG_LAB_REQUIRE={required}: {name} is not on this machine"
        );
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        eprintln!(
            "\n##### SKIPPED: {test}: no {name} here: run scripts/setup-lab, or install {}\n",
            package(name)
        );
    }
    found
}

/// The folders of the cache that may hold it.
fn unpacked(name: &str) -> Vec<PathBuf> {
    // Its version is part of the folder's name, so that another one is got when the script asks for it.
    let prefix = match name {
        "gh-ost" => "gh-ost-",
        _ => "percona-toolkit",
    };
    let mut folders: Vec<PathBuf> = (crate::installation::cache_folders().iter())
        .flat_map(|cache| crate::installation::subfolders(cache, prefix))
        .map(|folder| folder.join("bin"))
        .collect();
    folders.sort();
    folders
}

fn package(name: &str) -> &str {
    match name {
        "pt-online-schema-change" => "percona-toolkit",
        _ => name,
    }
}
