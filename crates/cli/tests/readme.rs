//! The README's first five minutes, run as written.

#[path = "documents/runner.rs"]
mod runner;

use runner::{Runner, blocks};
use std::{fs, path::Path};

#[test]
fn the_first_five_minutes_of_the_readme_work_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let section = readme.split("## First five minutes").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut runner = Runner::new("README.md");
    for block in blocks(section) {
        match block.mark.and_then(|mark| mark.strip_prefix("file ")) {
            Some(file) => runner.write(file, &block.text),
            None => {
                assert_eq!(block.language, "console", "{}", block.text);
                runner.console(&block.text);
            }
        }
    }
    assert!(
        runner.commands > 8,
        "only {} commands found: the README changed its form",
        runner.commands
    );
}
