//! The house rules that a machine can check: crate direction, file size, where engines may be told apart,
//! forgotten tests, traces of the machine that wrote the code.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Past this many lines a file is no longer one thing.
const LONGEST: usize = 600;

/// Which of our crates a crate may depend on, outside its tests.
const DIRECTION: [(&str, &[&str]); 7] = [
    ("core", &[]),
    ("lint", &["greylag-core"]),
    ("client", &["greylag-core"]),
    ("engines", &["greylag-core"]),
    ("lab", &["greylag-core", "greylag-engines"]),
    (
        "orchestrator",
        &["greylag-core", "greylag-engines", "greylag-lint"],
    ),
    (
        "cli",
        &[
            "greylag-core",
            "greylag-engines",
            "greylag-lab",
            "greylag-lint",
            "greylag-orchestrator",
        ],
    ),
];

/// Where the engines may be told apart by name.
const ENGINE_MATCHES: [&str; 3] = [
    "crates/core/src/engine.rs",
    "crates/engines/src/open.rs",
    "crates/core/src/script",
];

#[test]
fn crates_depend_only_downwards() {
    for (name, allowed) in DIRECTION {
        let manifest =
            fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest
            .split("[dependencies]")
            .nth(1)
            .unwrap_or_default()
            .split("\n[")
            .next()
            .unwrap_or_default();
        for line in dependencies.lines() {
            let Some(dependency) = line
                .split(['.', ' ', '='])
                .next()
                .filter(|d| d.starts_with("greylag-"))
            else {
                continue;
            };
            assert!(
                allowed.contains(&dependency),
                "crates/{name} may not depend on {dependency}"
            );
        }
    }
}

#[test]
fn no_source_file_is_longer_than_its_one_thing() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter_map(|(path, text)| {
            (text.lines().count() > LONGEST)
                .then(|| format!("{path}: {} lines", text.lines().count()))
        })
        .collect();
    assert!(
        long.is_empty(),
        "past {LONGEST} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn engines_are_told_apart_in_two_places_only() {
    let marks = [
        "match engine",
        "match self.engine",
        "match target.engine",
        "Engine::Postgres =>",
        "Engine::Sqlite =>",
    ];
    let offenders: Vec<_> = sources()
        .into_iter()
        .filter(|(path, _)| {
            path.contains("/src/")
                && !ENGINE_MATCHES
                    .iter()
                    .any(|allowed| path.starts_with(allowed))
        })
        // The lab starts real servers, each in its own way.
        .filter(|(path, _)| !path.starts_with("crates/lab/"))
        .flat_map(|(path, text)| {
            text.lines()
                .enumerate()
                .filter(|(_, line)| {
                    marks.iter().any(|mark| line.contains(mark))
                        && !line.trim_start().starts_with("//")
                })
                .map(|(at, line)| format!("{path}:{}: {}", at + 1, line.trim()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(
        offenders.is_empty(),
        "read `Facts` instead:\n{}",
        offenders.join("\n")
    );
}

#[test]
fn no_room_is_called_util_or_manager() {
    let banned = [
        "util", "utils", "helper", "helpers", "manager", "common", "context", "misc",
    ];
    let offenders: Vec<_> = sources()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| {
            Path::new(path)
                .with_extension("")
                .components()
                .any(|c| banned.contains(&c.as_os_str().to_str().unwrap_or("")))
        })
        .collect();
    assert!(
        offenders.is_empty(),
        "name the thing, not its use: {offenders:?}"
    );
}

#[test]
fn nothing_unfinished_or_switched_off_is_committed() {
    // Put together here, so that this file does not find itself.
    let marks = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("FIX", "ME"),
        concat!("#[", "ignore"),
    ];
    let offenders: Vec<_> = sources()
        .into_iter()
        .flat_map(|(path, text)| {
            text.lines()
                .enumerate()
                .filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)))
                .map(|(at, line)| format!("{path}:{}: {}", at + 1, line.trim()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

/// Every Rust file of the workspace with its path from the root.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["crates", "benches", "fuzz"] {
        walk(&root().join(folder), &mut found);
    }
    assert!(
        found.len() > 30,
        "the walk lost its way: {} files",
        found.len()
    );
    found
}

fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            walk(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((
                path.strip_prefix(root())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
                text,
            ));
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}
