//! Commands that pages and rules advise: each is one that the program has.

use crate::{pages, root};
use regex::Regex;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// The texts of people: the pages, and the rules of the lint, whose texts go into reports.
fn texts() -> Vec<(String, String)> {
    let mut all = pages();
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(name)).unwrap();
        all.push((name.to_owned(), text));
    }
    let before = all.len();
    collect(&root().join("crates/lint/src/rules"), &mut all);
    assert!(all.len() > before + 100, "{}", all.len() - before);
    all
}

fn collect(folder: &Path, all: &mut Vec<(String, String)>) {
    // A string that goes on in the next line is one.
    let goes_on = Regex::new(r"\\\n\s*").unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, all);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let text = goes_on.replace_all(&text, "");
            all.push((path.display().to_string(), text.into_owned()));
        }
    }
}

/// The verbs that `greylag --help` lists.
fn verbs() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_greylag"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let listed = Regex::new(r"(?m)^  ([a-z][a-z-]+)  +\S").unwrap();
    listed
        .captures_iter(&help)
        .map(|found| found[1].to_owned())
        .collect()
}

#[test]
fn commands_that_are_advised_are_there() {
    let verbs = verbs();
    for verb in ["apply", "plan", "lint", "rollout"] {
        assert!(verbs.contains(verb), "{verbs:?}");
    }
    // In backquotes, at a prompt, or at the beginning of a line.
    let advised =
        Regex::new(r"(?m)(?:`|\$ |^)greylag(?: -[^ `]+(?: [^ `-]\S*)?)*? ([a-z][a-z-]*)").unwrap();
    let (mut wrong, mut seen) = (BTreeSet::new(), 0);
    for (name, text) in texts() {
        for found in advised.captures_iter(&text) {
            seen += 1;
            if !verbs.contains(&found[1]) {
                wrong.insert(format!("{name}: {}", &found[0]));
            }
        }
    }
    assert!(seen > 100, "{seen}");
    assert!(wrong.is_empty(), "the program has no such verb: {wrong:#?}");
}
