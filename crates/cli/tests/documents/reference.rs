//! `docs/command-line.md`, which is made of the program's own help.
//!
//! Where it differs the test fails; with GREYLAG_WRITE_DOCS=1 it writes the page anew instead.

use crate::{page, root};
use std::{fs, process::Command};

const HEAD: &str = "# The command line\n\n\
    Made of `greylag --help` by a test (`GREYLAG_WRITE_DOCS=1 cargo test -p greylag --test documents` writes it anew).\n\
    What stands under “Everywhere” is left out below the first block: each verb has it.\n";

#[test]
fn the_page_of_the_command_line_is_what_the_program_says() {
    let mut text = HEAD.to_owned();
    write(&mut text, &[], 1);
    if std::env::var_os("GREYLAG_WRITE_DOCS").is_some() {
        fs::write(root().join("docs/command-line.md"), &text).unwrap();
        return;
    }
    for (found, wanted) in page("command-line.md").lines().zip(text.lines()) {
        assert_eq!(found, wanted, "docs/command-line.md is stale: {HEAD}");
    }
    assert_eq!(
        page("command-line.md"),
        text,
        "docs/command-line.md is stale: {HEAD}"
    );
}

fn write(text: &mut String, verbs: &[&str], depth: usize) {
    let help = help(verbs);
    let shown = match verbs {
        [] => help.clone(),
        _ => without_everywhere(&help),
    };
    if !verbs.is_empty() {
        let hashes = "#".repeat(depth);
        text.push_str(&format!("\n{hashes} greylag {}\n", verbs.join(" ")));
    }
    text.push_str(&format!("\n```text\n{}\n```\n", shown.trim()));
    for verb in verbs_of(&help) {
        let mut deeper = verbs.to_vec();
        deeper.push(&verb);
        write(text, &deeper, depth + 1);
    }
}

fn help(verbs: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_greylag"))
        .args(verbs)
        .arg("--help")
        .env_remove("GREYLAG_CONFIG")
        .output()
        .unwrap();
    assert!(output.status.success(), "{verbs:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// The part under `Everywhere:`, up to the next blank line.
fn without_everywhere(help: &str) -> String {
    let parts: Vec<_> = help
        .split("\n\n")
        .filter(|part| !part.starts_with("Everywhere:"))
        .collect();
    parts.join("\n\n")
}

fn verbs_of(help: &str) -> Vec<String> {
    let Some(list) = help.split("Commands:\n").nth(1) else {
        return Vec::new();
    };
    list.lines()
        .take_while(|line| !line.is_empty())
        // What is indented further goes on with the line before.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .map(str::to_owned)
        .collect()
}
