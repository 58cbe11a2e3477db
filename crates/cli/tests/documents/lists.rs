//! Lists on pages against the lists in the code: a key, directive, event or exit code that is added must be documented.

use crate::{page, root};
use regex::Regex;
use std::{collections::BTreeSet, fs, path::Path};

/// What the first group of a pattern finds in a file or in all files of a folder.
fn found(path: &str, pattern: &str) -> BTreeSet<String> {
    let path = root().join(path);
    let files = match path.is_dir() {
        true => fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect(),
        false => vec![path],
    };
    let pattern = Regex::new(pattern).unwrap();
    let mut all = BTreeSet::new();
    for file in files.iter().filter(|file| is_rust(file)) {
        let text = fs::read_to_string(file).unwrap();
        all.extend(
            pattern
                .captures_iter(&text)
                .map(|found| found[1].to_owned()),
        );
    }
    all
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "rs")
}

/// The names stand in backquotes on the page, alone or as the beginning of an example.
fn assert_named(page_name: &str, what: &str, names: &BTreeSet<String>, least: usize) {
    assert!(
        names.len() >= least,
        "only {} {what}: {names:?}",
        names.len()
    );
    let text = page(page_name);
    let missing: Vec<_> = names
        .iter()
        .filter(|name| {
            let forms = [
                format!("`{name}`"),
                format!("`{name} "),
                format!("`[{name}]`"),
                format!("`[[{name}]]`"),
                format!("`-- greylag:{name} "),
            ];
            !forms.iter().any(|form| text.contains(form.as_str()))
        })
        .collect();
    assert!(
        missing.is_empty(),
        "docs/{page_name} does not name these {what}: {missing:?}"
    );
}

#[test]
fn every_key_of_the_project_file_is_on_its_page() {
    let asked = r#"(?:string|required|boolean|number|duration|strings|words|section|sections|value)\(\s*"([a-z-]+)""#;
    let keys = found("crates/orchestrator/src/project", asked);
    assert_named("configuration.md", "keys", &keys, 50);
}

#[test]
fn every_column_that_discovery_knows_is_on_its_page() {
    let text =
        fs::read_to_string(root().join("crates/orchestrator/src/discover/record.rs")).unwrap();
    let list = text
        .split("const KEYS")
        .nth(1)
        .unwrap()
        .split("];")
        .next()
        .unwrap();
    let keys = Regex::new(r#""([a-z_]+)""#).unwrap();
    let keys = keys
        .captures_iter(list)
        .map(|found| found[1].to_owned())
        .collect();
    assert_named("discover-shards.md", "columns", &keys, 10);
}

#[test]
fn every_directive_and_setting_of_a_file_is_on_its_page() {
    let name = Regex::new(r#""([A-Za-z-]+)""#).unwrap();
    for (file, constant, least) in [
        ("directives.rs", "const NAMES", 9),
        ("config.rs", "const KEYS", 5),
    ] {
        let path = root().join("crates/core/src/migration").join(file);
        let text = fs::read_to_string(path).unwrap();
        let list = text
            .split(constant)
            .nth(1)
            .unwrap()
            .split("];")
            .next()
            .unwrap();
        let names = name
            .captures_iter(list)
            .map(|found| found[1].to_owned())
            .collect();
        assert_named(
            "write-migrations.md",
            "directives or settings",
            &names,
            least,
        );
    }
}

#[test]
fn every_event_and_reason_to_wait_is_on_the_page_of_json() {
    let events = found("crates/core/src/event.rs", r#"=> "([a-z_]+)""#);
    assert_named("json.md", "events", &events, 15);
    let lines = found("crates/cli/src/view/ndjson.rs", r#""type": "([a-z_]+)""#);
    assert_named("json.md", "lines", &lines, 5);
    let documents = found("crates/cli/src/commands", r#""(greylag\.[a-z-]+/v1)""#);
    assert_named("json.md", "documents", &documents, 10);
    let gate = fs::read_to_string(root().join("crates/core/src/gate.rs")).unwrap();
    let reasons = gate.split("pub enum WaitReason").nth(1).unwrap();
    let reasons = Regex::new(r"\n    ([A-Z][A-Za-z]+) \{")
        .unwrap()
        .captures_iter(reasons)
        .map(|found| snake(&found[1]))
        .collect();
    assert_named("json.md", "reasons to wait", &reasons, 10);
}

#[test]
fn every_kind_of_finding_about_a_node_is_on_the_page_about_replicas() {
    let mut kinds = BTreeSet::new();
    for folder in ["crates/core/src/node", "crates/orchestrator/src/replicas"] {
        for pattern in [
            r#"\b(?:problem|warning|refuse)\(\s*"([a-z-]+)""#,
            r#"kind: "([a-z-]+)"\.into\(\)"#,
            r#"const (?:RIVAL|APPLIER): &str = "([a-z-]+)""#,
        ] {
            kinds.extend(found(folder, pattern));
        }
    }
    assert_named("which-replica-holds.md", "findings", &kinds, 14);
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
