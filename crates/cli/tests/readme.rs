//! The README's first five minutes, run as written.
//!
//! In a `console` block a line that begins with `$ ` is run by a shell; a comment `# exits N` behind it says the exit code
//! expected where that is not 0. Every other line must stand in what the command before it printed.

use std::{fs, path::Path, process::Command};

#[test]
fn the_first_five_minutes_of_the_readme_work_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let section = readme
        .split("## First five minutes")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut at = folder.path().to_owned();
    let mut printed = String::new();
    let mut commands = 0;
    for line in console_lines(section) {
        let Some(command) = line.strip_prefix("$ ") else {
            assert!(
                printed.contains(line.trim()),
                "the README promises `{line}`, and there was:\n{printed}"
            );
            continue;
        };
        commands += 1;
        let (command, expected) = match command.split_once("# exits ") {
            Some((command, code)) => (command.trim(), code.trim().parse().unwrap()),
            None => (command, 0),
        };
        if let Some(into) = command.strip_prefix("cd ") {
            at = at.join(into);
            continue;
        }
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(&at)
            .env("PATH", path())
            .output()
            .unwrap();
        printed = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(expected),
            "`{command}` in {}:\n{printed}",
            at.display()
        );
    }
    assert!(
        commands > 5,
        "only {commands} commands found: the README changed its form"
    );
}

fn console_lines(section: &str) -> impl Iterator<Item = &str> {
    section
        .split("```console\n")
        .skip(1)
        .flat_map(|block| block.split("```").next().unwrap_or_default().lines())
        .filter(|line| !line.trim().is_empty())
}

fn path() -> std::ffi::OsString {
    let binary = Path::new(env!("CARGO_BIN_EXE_greylag"));
    let mut folders = vec![binary.parent().unwrap().to_owned()];
    folders.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    std::env::join_paths(folders).unwrap()
}
